// The files of the dashboard that a browser loads: built from packages/dashboard into assets/dashboard, read and compressed when first asked for.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { pageHeaders } from './page-answer.ts';

interface DashboardFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly zipped: Buffer;
  readonly tag: string;
}

const folder = new URL('../../assets/dashboard/', import.meta.url);

/** Path of the URL -> media type. */
const types: Readonly<Record<string, string>> = {
  '/dashboard.js': 'text/javascript; charset=utf-8',
  '/dashboard.css': 'text/css; charset=utf-8',
  '/dashboard.svg': 'image/svg+xml',
};

export class DashboardFiles {
  readonly #loaded = new Map<string, DashboardFile>();

  /** Answers with one of them. @returns false: there is no such file */
  answer(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const file = this.#load(path);
    if (file === null) return false;
    const { type, plain, zipped, tag } = file;
    const isKnown = request.headers['if-none-match'] === tag;
    const isZipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
    const body = isZipped ? zipped : plain;
    response.writeHead(isKnown ? 304 : 200, {
      ...pageHeaders,
      'cache-control': 'no-cache',
      etag: tag,
      vary: 'Accept-Encoding',
      ...(isKnown ? {} : { 'content-type': type, 'content-length': body.length }),
      ...(isZipped && !isKnown ? { 'content-encoding': 'gzip' } : {}),
    });
    response.end(isKnown ? undefined : body);
    return true;
  }

  #load(path: string): DashboardFile | null {
    const known = this.#loaded.get(path);
    if (known !== undefined) return known;
    const type = Object.hasOwn(types, path) ? types[path] : undefined;
    if (type === undefined) return null;
    const plain = readFileSync(new URL(`.${path}`, folder));
    const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 16)}"`;
    const file = { type, plain, zipped: gzipSync(plain, { level: 9 }), tag };
    this.#loaded.set(path, file);
    return file;
  }
}
