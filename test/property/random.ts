// Random numbers that a seed brings back, and mutations of bytes made with them.

/** A generator of random numbers (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** 0 to `below` - 1. */
  below(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }

  /** One of these. */
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** So many random bytes. */
  bytes(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at += 1) bytes[at] = this.below(256);
    return bytes;
  }
}

/** Bytes that lengths, versions and line ends are made of. */
const tellingBytes = [0, 1, 2, 3, 9, 10, 11, 13, 58, 127, 128, 255];

/** A damaged copy: one to four changes. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let damaged: Buffer = Buffer.from(bytes);
  for (let changes = 1 + random.below(4); changes > 0 && damaged.length > 0; changes -= 1) {
    damaged = change(damaged, random);
  }
  return damaged;
}

function change(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + random.below(24));
  switch (random.below(7)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1:
      bytes[at] = random.pick(tellingBytes);
      return bytes;
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(1 + random.below(16)), bytes.subarray(at)]);
    case 5:
      return Buffer.from(bytes.subarray(0, at));
    default:
      bytes.copyWithin(at, random.below(bytes.length), end);
      return bytes;
  }
}
