// Runs cases of HTTP/1.1: what a client sends, what it gets, and whether its connection goes on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpHandler } from '../../src/gateway/message.ts';
import { startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';

/** Answers with method, target and body; "/204" and its like with that status, "/length?N" with that Content-Length, "/close" ends the connection. */
export const handler: HttpHandler = (request, answer) => {
  const { method, target, headers, body } = request;
  const respond = (text: string): void => {
    const status = /^\/(\d{3})$/.exec(target)?.[1];
    const length = /^\/length\?(\d+)$/.exec(target)?.[1];
    const reason = target === '/reason' ? 'As You Like It' : '';
    answer.head(Number(status ?? 200), length === undefined ? [] : ['Content-Length', length], {
      reason,
      closes: target === '/close',
    });
    const host = headers[headers.findIndex((name) => name.toLowerCase() === 'host') + 1] ?? '';
    answer.write(Buffer.from(`${method} ${target} ${host} [${text}]`, 'latin1'));
    if (target === '/flush') answer.flush();
    answer.end();
  };
  if (body === null || target === '/unread') {
    respond('');
    return;
  }
  body.toArray().then(
    (chunks) => respond(Buffer.concat(chunks as Buffer[]).toString('latin1')),
    () => answer.head(400, []),
  );
};

/** What the client gets: the statuses of the answers that came, and what must, or must not, stand in them. */
export interface Expected {
  readonly statuses: readonly number[];
  readonly has?: string | RegExp;
  readonly lacks?: RegExp;
  readonly isOpen: boolean;
}

export const get = (lines = '', target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
export const post = (lines: string, body: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;
export const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

export const open = (has?: string | RegExp, lacks?: RegExp): Expected => answered([200], true, has, lacks);
export const ended = (has?: string | RegExp, lacks?: RegExp): Expected => answered([200], false, has, lacks);
export const refused = (status: number): Expected => ({ statuses: [status], isOpen: false });

export function answered(
  statuses: readonly number[],
  isOpen: boolean,
  has?: string | RegExp,
  lacks?: RegExp,
): Expected {
  return { statuses, isOpen, ...(has !== undefined && { has }), ...(lacks !== undefined && { lacks }) };
}

export type Http1Case = readonly [section: string, what: string, sent: string, expected: Expected];

/** Runs them all. */
export function runHttp1Cases(name: string, cases: readonly Http1Case[]): void {
  describe(name, () => {
    for (const [section, what, sent, expected] of cases) {
      it(`${what} (RFC ${section})`, async (t) => {
        const { port } = await startFront(t, { handler });
        const client = await RawClient.connect(t, port);
        client.send(sent);
        if (expected.isOpen) {
          await client.until(
            () => statusesOf(client.received).length >= expected.statuses.length && isQuiet(client, expected),
          );
          client.send(get('Connection: close\r\n', '/last'));
        }
        const text = await client.untilEnd();
        const whole = expected.isOpen ? text.slice(0, text.lastIndexOf('HTTP/1.1 ')) : text;
        assert.deepEqual(statusesOf(whole), expected.statuses, text);
        if (expected.isOpen) assert.match(text, /GET \/last a \[\]$/);
        if (typeof expected.has === 'string') assert.ok(whole.includes(expected.has), text);
        else if (expected.has !== undefined) assert.match(whole, expected.has);
        if (expected.lacks !== undefined) assert.doesNotMatch(whole, expected.lacks);
      });
    }
  });
}

function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

/** Whether the last answer has come in full, as far as it can be seen. */
function isQuiet({ received }: RawClient, { has }: Expected): boolean {
  return typeof has === 'string' ? received.includes(has) : has === undefined || has.test(received);
}
