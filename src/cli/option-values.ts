// The values of options: read, or refused with a sentence that commander puts after the option's name.

import { InvalidArgumentError } from 'commander';
import { parseListenAddress } from '../service/listen-address.ts';

/** A whole number. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

/** A whole number from 1. */
export function positiveNumber(text: string): number {
  const number = wholeNumber(text);
  if (number < 1) throw new InvalidArgumentError('It must be at least 1.');
  return number;
}

/** A TCP port; 0 is any free one. */
export function port(text: string): number {
  const number = wholeNumber(text);
  if (number > 65_535) throw new InvalidArgumentError('A port is at most 65535.');
  return number;
}

/** An address that can be listened on. */
export function listenAddress(text: string): string {
  try {
    parseListenAddress(text);
    return text;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}

/** Gathers the values of an option that may be given more than once. */
export function repeatable(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
