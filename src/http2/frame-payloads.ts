// What stands in frames (RFC 9113, section 6), and what ends the connection where it stands wrong. Pure.

import { errorCodes, frameFlags, Http2Fault, largestWindow, maxFrameBytes, settingIds } from './http2-codes.ts';

/** The settings of a client that we keep to. undefined: it says nothing of it. */
export interface ClientSettings {
  initialWindowSize?: number;
}

/** Where the content of a frame ends. @param from of its payload, which may be padded */
export function endOfContent(flags: number, bytes: Buffer, from: number, to: number): number {
  if ((flags & frameFlags.padded) === 0) return to;
  if (from === to) throw wrongSize('a padded frame');
  const end = to - bytes[from]!;
  if (end <= from) throw broken('a frame has more padding than bytes');
  return end;
}

/** Where the fields of HEADERS begin. @param end of its content */
export function startOfFields(flags: number, from: number, end: number): number {
  const at = startOfContent(flags, from) + ((flags & frameFlags.priority) === 0 ? 0 : 5);
  if (at > end) throw wrongSize('HEADERS');
  return at;
}

/** Where the content of a frame begins. */
export function startOfContent(flags: number, from: number): number {
  return (flags & frameFlags.padded) === 0 ? from : from + 1;
}

/** SETTINGS, which are no acknowledgement. The last of a kind counts. */
export function readSettings(bytes: Buffer, from: number, to: number): ClientSettings {
  if ((to - from) % 6 !== 0) throw wrongSize('SETTINGS');
  const settings: ClientSettings = {};
  for (let at = from; at < to; at += 6) {
    const id = bytes.readUInt16BE(at);
    const value = bytes.readUInt32BE(at + 2);
    if (id === settingIds.enablePush && value > 1) throw broken('ENABLE_PUSH is neither 0 nor 1');
    if (id === settingIds.maxFrameSize && (value < maxFrameBytes || value > 0xff_ffff)) {
      throw broken(`MAX_FRAME_SIZE is ${value}`);
    }
    if (id !== settingIds.initialWindowSize) continue;
    if (value > largestWindow) throw overflow('INITIAL_WINDOW_SIZE is too large');
    settings.initialWindowSize = value;
  }
  return settings;
}

/** Holds a frame of the whole connection against its length. */
export function checkOfConnection(name: string, stream: number, length: number, least: number, most: number): void {
  if (stream !== 0) throw broken(`${name} on a stream`);
  if (length < least || length > most) throw wrongSize(name);
}

/** The increment of WINDOW_UPDATE. */
export function incrementOf(bytes: Buffer, from: number, to: number): number {
  if (to - from !== 4) throw wrongSize('WINDOW_UPDATE');
  return bytes.readUInt32BE(from) & largestWindow;
}

export function broken(what: string): Http2Fault {
  return new Http2Fault(errorCodes.protocolError, what);
}

export function wrongSize(what: string): Http2Fault {
  return new Http2Fault(errorCodes.frameSizeError, `${what} of a wrong size`);
}

export function overflow(what: string): Http2Fault {
  return new Http2Fault(errorCodes.flowControlError, what);
}
