// Times as logs have them: strftime(3)'s conversions in local time and in the C locale, compiled once. Pure but for the time zone.

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];

const two = (value: number): string => String(value).padStart(2, '0');

/** What each letter stands for; one that is not here stays as it is written. */
const conversions: Readonly<Record<string, (at: Date) => string>> = {
  a: (at) => days[at.getDay()]!.slice(0, 3),
  A: (at) => days[at.getDay()]!,
  b: (at) => months[at.getMonth()]!.slice(0, 3),
  B: (at) => months[at.getMonth()]!,
  d: (at) => two(at.getDate()),
  e: (at) => String(at.getDate()).padStart(2),
  F: (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`,
  h: (at) => months[at.getMonth()]!.slice(0, 3),
  H: (at) => two(at.getHours()),
  I: (at) => two(at.getHours() % 12 || 12),
  j: (at) => String(dayOfYear(at)).padStart(3, '0'),
  m: (at) => two(at.getMonth() + 1),
  M: (at) => two(at.getMinutes()),
  p: (at) => (at.getHours() < 12 ? 'AM' : 'PM'),
  R: (at) => `${two(at.getHours())}:${two(at.getMinutes())}`,
  s: (at) => String(Math.floor(at.getTime() / 1000)),
  S: (at) => two(at.getSeconds()),
  T: (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`,
  u: (at) => String(at.getDay() || 7),
  w: (at) => String(at.getDay()),
  y: (at) => two(at.getFullYear() % 100),
  Y: (at) => String(at.getFullYear()),
  z: (at) => zone(at),
  '%': () => '%',
};

/** Makes a time of milliseconds since 1970. The last text is kept: most lines of a log are of the same second. */
export function compileTime(format: string): (wallMs: number) => string {
  const parts = format.split(/(%[A-Za-z%])/).map((part) => {
    const convert = /^%./.test(part) ? conversions[part[1]!] : undefined;
    return convert ?? (() => part);
  });
  let second = Number.NaN;
  let text = '';
  return (wallMs) => {
    const now = Math.floor(wallMs / 1000);
    if (now !== second) {
      second = now;
      const at = new Date(wallMs);
      text = parts.map((part) => part(at)).join('');
    }
    return text;
  };
}

/** As in Apache's and PHP-FPM's logs: "28/Nov/2026:04:46:49 +0000". */
export const commonLogTime = compileTime('%d/%b/%Y:%H:%M:%S %z');

function zone(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${two(size % 60)}`;
}

function dayOfYear(at: Date): number {
  const first = new Date(at.getFullYear(), 0, 1);
  return (
    Math.round((new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime() - first.getTime()) / 86_400_000) + 1
  );
}
