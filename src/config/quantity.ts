// Durations and sizes as the configuration writes them: "30s", "128MB". Pure.

/** What a duration looks like: "250ms", "30s", "5m", "1h", "1d", "0". */
export const durationPattern = /^(?:0|(?:\d+(?:\.\d+)?) ?(?:ms|s|m|h|d))$/;

/** What a size looks like: "512B", "64KB", "128MB", "1GB", or as PHP writes it, "128M"; "0". */
export const sizePattern = /^(?:0|(?:\d+(?:\.\d+)?) ?(?:[kKmMgG]?B|[kKmMgG]))$/;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const unitBytes: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Milliseconds of a text that matches `durationPattern`. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^([\d.]+) ?([a-z]*)$/.exec(text) ?? [];
  return Math.round(Number(number) * (unitMs[unit ?? ''] ?? 1));
}

/** Bytes of a text that matches `sizePattern`; K, M and G are powers of 1024, as in php.ini. */
export function parseSize(text: string): number {
  const [, number, unit] = /^([\d.]+) ?([a-zA-Z]*)$/.exec(text) ?? [];
  return Math.round(Number(number) * (unitBytes[(unit ?? '').toUpperCase().replace('B', '')] ?? 1));
}
