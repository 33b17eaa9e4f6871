// Where a command writes: standard output and error, with colours only where a person sees them.

import { styleText } from 'node:util';
import { type Paint, plainPaint } from '../admin/paint.ts';

/** One output stream of a command. */
export interface Output {
  write(text: string): void;
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
  return { out: output(process.stdout), err: output(process.stderr) };
}

function output(stream: NodeJS.WriteStream): Output {
  const isTerminal = stream.isTTY === true;
  return {
    write: (text) => {
      stream.write(text);
    },
    paint: isTerminal && hasColour(process.env) ? ansiPaint : plainPaint,
    isTerminal,
    width: isTerminal ? stream.columns : 0,
  };
}

/** https://no-color.org: set and not empty means none. */
function hasColour(env: NodeJS.ProcessEnv): boolean {
  return (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}

const ansiPaint: Paint = (style, text) => styleText(style, text, { validateStream: false });
