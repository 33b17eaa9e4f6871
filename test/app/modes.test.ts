// One application, one suite, five modes.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { embed, type ModulePool } from '../../src/app/index.ts';
import type { CgiRequest, Environment } from '../../src/protocol/cgi/exchange.ts';
import { app } from '../fixtures/apps/suite.ts';
import { applicationSuite, type SuiteAnswer, type SuiteRequest } from '../support/application-suite.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type NodeProgram, startNode } from '../support/node-program.ts';
import { RecordingSink } from '../support/recording-sink.ts';

const file = new URL('../fixtures/apps/suite.ts', import.meta.url).pathname;

/** What `after` of a describe block does, as a test's context. */
const cleanups: (() => unknown)[] = [];
const scope = { after: (step: () => unknown) => void cleanups.push(step) } as never;
after(async () => {
  for (const step of cleanups.reverse()) await step();
});

function environmentOf({ path, method = 'GET', headers = {}, body }: SuiteRequest): Environment {
  const environment: Environment = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: method,
    REQUEST_URI: path,
    SCRIPT_NAME: '',
    PATH_INFO: decodeURIComponent(path.split('?')[0]!),
    QUERY_STRING: path.split('?')[1] ?? '',
    HTTP_HOST: 'localhost',
  };
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-type') environment.CONTENT_TYPE = value;
    else environment[`HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  if (body) environment.CONTENT_LENGTH = String(body.length);
  return environment;
}

function parseAnswer(bytes: Buffer, stderr: string): SuiteAnswer {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const [statusLine, ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)] as const;
  });
  return { status: Number(/^\S+ (\d+)/.exec(statusLine!)?.[1]), headers, body: bytes.subarray(end + 4), stderr };
}

describe('an application from the command line', () => {
  applicationSuite('cli', async ({ path, method, headers = {}, body }) => {
    const parameters = [file, path, '-i', ...(method ? ['-X', method] : []), ...(body ? ['-d', '@-'] : [])];
    for (const [name, value] of Object.entries(headers)) parameters.push('-H', `${name}: ${value}`);
    const program = startNode(scope, parameters, body ? { input: body } : {});
    await program.ended;
    return parseAnswer(program.stdout(), program.stderr());
  });

  it('exits with 0 for an answer below 400, 1 above, 2 for wrong usage', async () => {
    const statuses = await Promise.all(
      [
        ['/hello?name=x'],
        ['/nowhere'],
        ['nonsense'],
        ['--role', 'king', '/'],
        ['/', '-d', '@/no/such/file'],
        ['/', '--role', 'filter', '--data-file', '/no/such/file'],
        ['--listen', '127.0.0.1:70000'],
      ].map((parameters) => startNode(scope, [file, ...parameters]).ended),
    );
    assert.deepEqual(statuses, [0, 1, 2, 2, 2, 2, 2]);
  });

  it('plays the authorizer when asked to', async () => {
    const program = startNode(scope, [file, '/', '-i', '--role', 'authorizer', '-H', 'X-User: ann']);
    assert.equal(await program.ended, 0);
    assert.match(program.stdout().toString(), /^HTTP\/1\.1 200 OK\r\nVariable-REMOTE_USER: ann\r\n/);
  });
});

describe('an application as a CGI program', () => {
  applicationSuite('cgi', async (request) => {
    const env = environmentOf(request);
    const program = startNode(scope, [file], { env, ...(request.body && { input: request.body }) });
    assert.equal(await program.ended, 0);
    return parseAnswer(program.stdout(), program.stderr());
  });
});

for (const [mode, parameters] of [
  ['fastcgi', []],
  ['threads', ['--threads', '3']],
] as const) {
  describe(`an application in mode ${mode}`, () => {
    const socket = join(temporaryFolder(scope), 'app.sock');
    let program: NodeProgram;

    before(async () => {
      program = startNode(scope, [file, '--listen', `unix:${socket}`, ...parameters]);
      await program.until('listening on');
    });

    applicationSuite(mode, async (request) => {
      const peer = await FastcgiPeer.connect(scope, socket);
      peer.request(1, environmentOf(request), { stdin: request.body?.toString('latin1') ?? '' });
      const { stdout, stderr } = await peer.ended(1);
      peer.raw.socket.destroy();
      return parseAnswer(Buffer.from(stdout, 'latin1'), stderr);
    });

    it('plays the authorizer', async () => {
      const peer = await FastcgiPeer.connect(scope, socket);
      peer.request(1, { HTTP_X_USER: 'ann' }, { role: 'authorizer', stdin: null });
      assert.match((await peer.ended(1)).stdout, /^Status: 200 OK\r\nVariable-REMOTE_USER: ann\r\n\r\n$/);
      peer.request(2, {}, { role: 'authorizer', stdin: null });
      assert.match((await peer.ended(2)).stdout, /^Status: 403 Forbidden\r\n/);
      peer.raw.socket.destroy();
    });

    it('finishes what runs at SIGTERM, and exits with 0', async () => {
      const peer = await FastcgiPeer.connect(scope, socket);
      peer.request(1, environmentOf({ path: '/parts' }));
      await peer.raw.until(() => peer.answer(1).stderr !== '');
      program.child.kill('SIGTERM');
      assert.match((await peer.ended(1)).stdout, /one two three$/);
      peer.raw.socket.destroy();
      assert.equal(await program.ended, 0);
    });
  });
}

describe('an application inside of this process', () => {
  let instance: ModulePool;
  before(async () => {
    instance = await embed(app);
  });
  after(() => instance.close());

  applicationSuite('module', async (request) => {
    const method = request.method ?? 'GET';
    const cgi: CgiRequest = cgiRequest({
      environment: environmentOf(request),
      method,
      url: request.path,
      body: request.body ? bodyOf(request.body.toString('latin1')) : null,
    });
    const sink = new RecordingSink();
    instance.run(cgi, sink);
    await sink.done;
    const { status, headers } = sink.heads.at(-1)!;
    const pairs = headers.flatMap((name, index) =>
      index % 2 === 0 ? [[name.toLowerCase(), headers[index + 1]!] as const] : [],
    );
    return { status, headers: pairs, body: Buffer.from(sink.body, 'latin1'), stderr: sink.errors };
  });
});
