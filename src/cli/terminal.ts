// Where a command writes: standard output and error, with colours only where a person sees them.

import { styleText } from 'node:util';
import { type Paint, plainPaint } from '../admin/formatting.ts';

/** One output stream of a command. */
export interface Output {
  /** Writes whole lines. */
  write(text: string): void;
  /** Writes bytes as they are. @returns false: nobody reads them any more; it resolves when there is room for more */
  writeBytes(bytes: Uint8Array): Promise<boolean>;
  /** Shows a line that stays below what is written, until it is replaced; empty: none. Only on a terminal. */
  keepLine(text: string): void;
  readonly paint: Paint;
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** Columns; 0 where there are none to keep to. */
  readonly width: number;
}

/** Both outputs. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
}

/** The process's own. */
export function processTerminal(): Terminal {
  const kept = { text: '' };
  // Whoever read it may leave first, as `head` does: what is not read is not missed, and ends nothing.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return { out: output(process.stdout, kept), err: output(process.stderr, kept) };
}

/** Back to the beginning of the line, and that emptied (ECMA-48: CR, EL). */
const eraseLine = '\r\x1b[K';

/** @param kept the line below, which both outputs share: they end on the same terminal */
function output(stream: NodeJS.WriteStream, kept: { text: string }): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(kept.text === '' || !isTerminal ? text : `${eraseLine}${text}${kept.text}`);
    },
    writeBytes: (bytes) =>
      new Promise((resolve) => {
        stream.write(bytes, (error) => resolve(!error));
      }),
    keepLine: (text) => {
      if (!isTerminal) return;
      stream.write(`${eraseLine}${text}`);
      kept.text = text;
    },
    paint: paintFor(isTerminal, process.env),
    isTerminal,
    width: isTerminal ? stream.columns : 0,
  };
}

/** Colours where a person looks, and wants them. */
export function paintFor(isTerminal: boolean, env: NodeJS.ProcessEnv): Paint {
  return isTerminal && hasColour(env) ? ansiPaint : plainPaint;
}

/** https://no-color.org: set and not empty means none. */
function hasColour(env: NodeJS.ProcessEnv): boolean {
  return (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

const ansiPaint: Paint = (style, text) => styleText(style, text, { validateStream: false });
