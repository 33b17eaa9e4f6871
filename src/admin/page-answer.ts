// How an admin page is answered: whole, not kept by anybody, and with headers that keep a browser from taking it for anything else.

import type { ServerResponse } from 'node:http';

/** What every page has. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** Answers with a text. @param more headers besides, or others */
export function answer(
  response: ServerResponse,
  status: number,
  type: string,
  body: string,
  more: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, {
    ...pageHeaders,
    'content-type': type.includes('charset') ? type : `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...more,
  });
  response.end(body);
}

/** Answers with JSON that a person can read, too. */
export function answerJson(response: ServerResponse, status: number, value: unknown): void {
  answer(response, status, 'application/json', `${JSON.stringify(value, null, 2)}\n`);
}
