// One suite for an application, whatever mode it runs in: the same requests, the same answers.

import assert from 'node:assert/strict';
import { it } from 'node:test';

/** A request of the suite. */
export interface SuiteRequest {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** What a mode's driver makes of the answer. */
export interface SuiteAnswer {
  readonly status: number;
  /** Lower-case name and value of each header. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  /** What the request wrote to its STDERR; null where a web server keeps it to itself. */
  readonly stderr: string | null;
}

/** Sends one request to the application, in some mode. */
export type SuiteDriver = (request: SuiteRequest) => Promise<SuiteAnswer>;

/** Runs the suite against `test/fixtures/apps/suite.ts`. */
export function applicationSuite(mode: string, send: SuiteDriver): void {
  const header = (answer: SuiteAnswer, name: string): string[] =>
    answer.headers.filter(([key]) => key === name).map(([, value]) => value);

  it('answers, and knows its mode', async () => {
    const answer = await send({ path: '/hello?name=J%C3%BCrgen' });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), 'hello Jürgen');
    assert.deepEqual(header(answer, 'x-mode'), [mode]);
  });

  it('answers with a Reply', async () => {
    const answer = await send({ path: '/reply' });
    assert.equal(answer.status, 201);
    assert.deepEqual(header(answer, 'content-type'), ['text/x-reply']);
    assert.equal(answer.body.toString(), 'a reply');
  });

  it('reads a body as text', async () => {
    const answer = await send({
      path: '/echo',
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: Buffer.from('größe'),
    });
    assert.equal(answer.body.toString(), 'POST text/plain größe');
  });

  it('streams a body of 300 KB through, byte by byte the same', async () => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff));
    const answer = await send({ path: '/bytes', method: 'PUT', headers: { 'content-type': 'a/b' }, body });
    assert.ok(answer.body.equals(body), `${answer.body.length} bytes came back`);
  });

  it('sends each Set-Cookie on its own', async () => {
    const answer = await send({ path: '/cookies' });
    assert.equal(answer.status, 302);
    assert.deepEqual(header(answer, 'set-cookie'), ['a=1', 'b=2']);
    assert.deepEqual(header(answer, 'location'), ['http://localhost/there']);
  });

  it('keeps the state of requests apart, also at the same time, and out of process.env', async () => {
    const secrets = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(
      secrets.map((secret) => send({ path: '/state', headers: { 'x-secret': secret, 'x-leak': 'yes' } })),
    );
    for (const { status, body } of answers) assert.equal(status, 200, body.toString());
    const seen = answers.map((answer) => JSON.parse(answer.body.toString()) as Record<string, unknown>);
    assert.deepEqual(
      seen.map(({ secret, word }) => [secret, word]),
      secrets.map((secret) => [secret, 'shared']),
    );
    // A CGI program is given its request in its environment; nobody else may see it there.
    assert.ok(seen.every(({ leaks }) => leaks === (mode === 'cgi')));
  });

  it('runs the phases of a request in order, and shuts down in reverse', async () => {
    const { stderr } = await send({ path: '/hello?name=x' });
    if (stderr === null) return;
    assert.deepEqual(stderr.trim().split('\n'), [
      'outer requestInit',
      'inner requestInit',
      'inner requestShutdown',
      'outer requestShutdown answered',
    ]);
  });

  it('answers 500 without details when the handler throws, and still runs requestShutdown', async () => {
    const answer = await send({ path: '/throw' });
    assert.equal(answer.status, 500);
    assert.doesNotMatch(answer.body.toString(), /secret/);
    if (answer.stderr === null) return;
    assert.match(answer.stderr, /a secret of the program/);
    assert.match(answer.stderr, /outer requestShutdown failed/);
  });

  it('sends no body with 204, and none for HEAD', async () => {
    const empty = await send({ path: '/empty' });
    assert.equal(empty.status, 204);
    assert.equal(empty.body.length, 0);
    const head = await send({ path: '/hello?name=x', method: 'HEAD' });
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });

  it('streams an answer in parts', async () => {
    assert.equal((await send({ path: '/parts' })).body.toString(), 'one two three');
  });

  it('answers 404 as the application says', async () => {
    const answer = await send({ path: '/nowhere' });
    assert.equal(answer.status, 404);
    assert.equal(answer.body.toString(), 'nothing here');
  });
}
