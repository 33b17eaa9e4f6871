// The values of options and arguments: read, or refused with a sentence that names the value.

import { InvalidArgumentError } from 'commander';
import { absoluteAddress, formatListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { mostFrontThreads, type Threads } from '../config/thread-count.ts';

/** A whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a whole number`);
  return Number(text);
}

/** A whole number from 1. */
export function positiveNumber(text: string): number {
  const number = wholeNumber(text);
  if (number < 1) throw new InvalidArgumentError(`${number} is too few: it must be at least 1`);
  return number;
}

export function threads(text: string): Threads {
  if (text === 'auto') return text;
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`"${text}" is neither "auto" nor a whole number`);
  const number = positiveNumber(text);
  if (number > mostFrontThreads)
    throw new InvalidArgumentError(`${number} is too many: the most is ${mostFrontThreads}`);
  return number;
}

/** A time in seconds, a tenth at least. */
export function seconds(text: string): number {
  const number = Number(text);
  if (!/^\d{1,6}(?:\.\d{1,3})?$/.test(text) || number < 0.1)
    throw new InvalidArgumentError(`"${text}" is not a time in seconds, such as 2 or 0.5`);
  return number;
}

/** A TCP port; 0 is any free one. */
export function port(text: string): number {
  const number = wholeNumber(text);
  if (number > 65_535) throw new InvalidArgumentError(`${number} is not a port: the highest is 65535`);
  return number;
}

/** An address that can be listened on; a socket file's path starts from the folder that the command was typed in. */
export function listenAddress(text: string): string {
  const absolute = absoluteAddress(text, process.cwd());
  try {
    parseListenAddress(absolute);
    return absolute;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Where a FastCGI server is, with or without "fastcgi://". */
export function serverAddress(text: string): string {
  const { address } = parseListenAddress(listenAddress(text));
  return formatListenAddress({ protocol: 'http', address });
}

/** Gathers the values of an option that may be given more than once. */
export function repeatable(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

/** The URL path of a script; its file's name is enough. */
export function fallback(text: string): string {
  if (/[?#]/.test(text))
    throw new InvalidArgumentError(`"${text}" is not the path of a script: write one such as /index.php`);
  return `/${text.replace(/^\.?\/+/, '')}`;
}
