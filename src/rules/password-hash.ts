// The hashes of htpasswd files, as Apache's htpasswd writes them: bcrypt, apr1 and SHA-1; and the file's lines. Pure.

import { createHash, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import { bytesToText } from '../protocol/text.ts';

const load = createRequire(import.meta.url);

/** How a password is kept. `slow`: looking at it takes milliseconds. */
export type HashKind = 'bcrypt' | 'apr1' | 'sha' | 'ssha';

/** The kind of a hash; null: it is none that is known. */
export function hashKind(hash: string): HashKind | null {
  if (/^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash)) return 'bcrypt';
  if (/^\$(?:apr)?1\$[^$]{1,8}\$[./A-Za-z0-9]{22}$/.test(hash)) return 'apr1';
  if (/^\{SHA\}[A-Za-z0-9+/]{27}=$/.test(hash)) return 'sha';
  return /^\{SSHA\}[A-Za-z0-9+/]{28,}={0,2}$/.test(hash) ? 'ssha' : null;
}

/** Whether hashing takes so long that it is done elsewhere. */
export function isSlow(hash: string): boolean {
  const kind = hashKind(hash);
  return kind === 'bcrypt' || kind === 'apr1';
}

/** Whether a password is the one that was hashed; compared in a time that tells nothing. @param password a byte string */
export function isPassword(password: string, hash: string): boolean {
  const bytes = Buffer.from(password, 'latin1');
  switch (hashKind(hash)) {
    case 'bcrypt':
      return bcrypt().compareSync(bytesToText(password) ?? password, hash.replace(/^\$2x\$/, '$2a$'));
    case 'apr1': {
      const [, magic = '', salt = ''] = /^\$(apr1|1)\$([^$]+)\$/.exec(hash) ?? [];
      return isSame(Buffer.from(md5Crypt(bytes, salt, `$${magic}$`)), Buffer.from(hash));
    }
    case 'sha':
      return isSame(sha1(bytes), Buffer.from(hash.slice(5), 'base64'));
    case 'ssha': {
      const digest = Buffer.from(hash.slice(6), 'base64');
      return isSame(sha1(Buffer.concat([bytes, digest.subarray(20)])), digest.subarray(0, 20));
    }
    case null:
      return false;
  }
}

/** Users and hashes of a file; a line that is neither is left out. The first line of a user counts, as in Apache. */
export function parsePasswords(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const [, user, hash] = /^([^#:\s][^:]*):([^:\s]+)/.exec(line) ?? [];
    if (user !== undefined && !users.has(user)) users.set(user, hash!);
  }
  return users;
}

/** Loaded with the first such hash: few sites have one. */
function bcrypt(): typeof import('bcryptjs') {
  return load('bcryptjs');
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Poul-Henning Kamp's MD5 crypt, of which Apache's apr1 is the same with another name in it. */
function md5Crypt(password: Buffer, salt: string, magic: string): string {
  const saltBytes = Buffer.from(salt, 'latin1');
  const md5 = (...parts: readonly Uint8Array[]): Buffer => createHash('md5').update(Buffer.concat(parts)).digest();
  const inner = md5(password, saltBytes, password);
  const first: Uint8Array[] = [password, Buffer.from(magic), saltBytes];
  for (let left = password.length; left > 0; left -= 16) first.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1)
    first.push((bits & 1) === 1 ? Buffer.of(0) : password.subarray(0, 1));
  let digest = md5(...first);
  for (let round = 0; round < 1_000; round += 1) {
    const parts: Uint8Array[] = [round % 2 === 1 ? password : digest];
    if (round % 3 !== 0) parts.push(saltBytes);
    if (round % 7 !== 0) parts.push(password);
    parts.push(round % 2 === 1 ? digest : password);
    digest = md5(...parts);
  }
  let text = '';
  for (const [a, b, c] of [
    [0, 6, 12],
    [1, 7, 13],
    [2, 8, 14],
    [3, 9, 15],
    [4, 10, 5],
  ] as const) {
    text += encode64((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  }
  return `${magic}${salt}$${text}${encode64(digest[11]!, 2)}`;
}

function encode64(value: number, length: number): string {
  let text = '';
  for (let left = value; text.length < length; left >>= 6) text += alphabet[left & 63];
  return text;
}
