// How much of what a client of HTTP/2 may send for nothing it does send: resets of requests that it has just begun (CVE-2023-44487), or has us reset
// (CVE-2025-8671), pings and settings, which are answered (CVE-2019-9512, CVE-2019-9515), and frames that mean nothing, told by their bytes (CVE-2019-9511,
// CVE-2019-9513, CVE-2019-9518). Each has an allowance that grows again with time. Pure.

/** An allowance: so many at once, and so many a second. */
interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** A page that is left takes back all that it has asked for, and the next one may, too. */
const resets: Allowance = { burst: 400, perSecond: 20 };
const controls: Allowance = { burst: 400, perSecond: 20 };
const emptyFrames: Allowance = { burst: 400, perSecond: 20 };

/** Bytes of frames that are neither fields nor a body that somebody read. A client that is refused an upload may have a megabyte of it on the way. */
const idleBytes: Allowance = { burst: 8_388_608, perSecond: 65_536 };

/** What a client did too often. */
export type Misconduct = 'resets' | 'controls' | 'empty-frames' | 'idle-bytes';

/** The manners of one client. */
export class Http2Manners {
  #resets = 0;
  #controls = 0;
  #empty = 0;
  #idleBytes = 0;
  /** Bytes that had been read, and were good for something, when that was last looked at. */
  #read = 0;
  #useful = 0;

  /** A request ended before its answer. @returns whether that is too many */
  reset(): boolean {
    this.#resets += 1;
    return this.#resets > resets.burst;
  }

  /** A frame came that has to be answered. @returns whether that is too many */
  control(): boolean {
    this.#controls += 1;
    return this.#controls > controls.burst;
  }

  /** A frame of a body came that holds nothing, and does not end it. @returns whether that is too many */
  empty(): boolean {
    this.#empty += 1;
    return this.#empty > emptyFrames.burst;
  }

  /**
   * A second has passed.
   * @param read bytes that came in all @param useful those of them that were fields or bodies, in all
   * @returns whether too many of them were neither
   */
  second(read: number, useful: number): boolean {
    this.#resets = Math.max(0, this.#resets - resets.perSecond);
    this.#controls = Math.max(0, this.#controls - controls.perSecond);
    this.#empty = Math.max(0, this.#empty - emptyFrames.perSecond);
    const idle = read - this.#read - (useful - this.#useful);
    this.#read = read;
    this.#useful = useful;
    this.#idleBytes = Math.max(0, this.#idleBytes + idle - idleBytes.perSecond);
    return this.#idleBytes > idleBytes.burst;
  }
}

/** What is said of it. */
export const misconductWords: Readonly<Record<Misconduct, string>> = {
  resets: `it has reset more than ${resets.burst} requests`,
  controls: `it has sent more than ${controls.burst} pings and settings`,
  'empty-frames': `it has sent more than ${emptyFrames.burst} frames of a body that hold nothing`,
  'idle-bytes': `${idleBytes.burst} bytes of its frames were neither fields nor a body`,
};
