// The token of [admin]: how long it has to be, and how it is read from its file.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PosternError } from '../errors.ts';
import type { Path, Problem } from './problem.ts';
import { when } from './problem.ts';

/** Shorter ones could be guessed: nothing slows down whoever tries. */
const leastLength = 16;

const howToMake = 'make one with: openssl rand -hex 16';

/** What is wrong with the keys. */
export function checkToken(
  { token, tokenFile }: { readonly token?: string | undefined; readonly tokenFile?: string | undefined },
  folder: string,
): Problem[] {
  const at = (key: string): Path => ['admin', key];
  const fault = token === undefined ? null : faultOf(token);
  const problems = when(fault !== null, at('token'), `token in [admin] ${fault}: ${howToMake}`);
  if (tokenFile === undefined) return problems;
  if (token !== undefined)
    return [
      ...problems,
      { path: at('tokenFile'), message: 'token and tokenFile in [admin] exclude each other: keep one' },
    ];
  try {
    readTokenFile(resolve(folder, tokenFile));
    return problems;
  } catch (error) {
    return [...problems, { path: at('tokenFile'), message: (error as Error).message }];
  }
}

/** @throws CONFIG_INVALID when it cannot be read, or holds no token */
export function readTokenFile(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new PosternError('CONFIG_INVALID', `tokenFile in [admin] cannot be read: ${(error as Error).message}`);
  }
  const fault = faultOf(text);
  if (fault === null) return text;
  throw new PosternError('CONFIG_INVALID', `tokenFile in [admin]: what ${path} holds ${fault}: ${howToMake}`);
}

/** It is sent in a header, and must not be guessed. */
function faultOf(token: string): string | null {
  if (token.length < leastLength) return `has ${token.length} characters, and needs ${leastLength} or more`;
  return /^[\x21-\x7e]+$/.test(token) ? null : 'has spaces, or characters that are not ASCII';
}
