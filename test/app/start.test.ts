// How an application finds its mode, and what its command line may say.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseCommandLine } from '../../src/app/cli-mode.ts';
import { decideStart, type StartFacts } from '../../src/app/start-mode.ts';

const facts: StartFacts = {
  environment: {},
  pid: 7,
  isListening: false,
  listen: undefined,
  threads: 1,
  hasRequest: false,
};
const systemd = { LISTEN_PID: '7', LISTEN_FDS: '2' };
const tcp = { kind: 'tcp', host: '127.0.0.1', port: 9000 } as const;

describe('decideStart()', () => {
  const table: readonly (readonly [string, Partial<StartFacts>, unknown])[] = [
    ['nothing said: the command line', {}, { mode: 'cli' }],
    ['a listening descriptor 0: FastCGI', { isListening: true }, { mode: 'fastcgi', where: [{ fd: 0 }] }],
    [
      'a listening descriptor 0 wins over GATEWAY_INTERFACE',
      { isListening: true, environment: { GATEWAY_INTERFACE: 'CGI/1.1' } },
      { mode: 'fastcgi', where: [{ fd: 0 }] },
    ],
    ['GATEWAY_INTERFACE: CGI', { environment: { GATEWAY_INTERFACE: 'CGI/1.1' }, listen: '9000' }, { mode: 'cgi' }],
    ['systemd: its sockets', { environment: systemd }, { mode: 'fastcgi', where: [{ fd: 3 }, { fd: 4 }] }],
    ['systemd’s variables of another process', { environment: systemd, pid: 8 }, { mode: 'cli' }],
    ['an address', { listen: '9000' }, { mode: 'fastcgi', where: [tcp] }],
    ['an address, but a request on the command line', { listen: '9000', hasRequest: true }, { mode: 'cli' }],
    ['threads', { listen: '9000', threads: 2 }, { mode: 'threads', where: [tcp] }],
  ];
  for (const [what, given, start] of table) {
    it(what, () => assert.deepEqual(decideStart({ ...facts, ...given }), start));
  }
});

describe('parseCommandLine()', () => {
  it('reads a request as curl would be told it', () => {
    const line = parseCommandLine(['/a?b=c', '-X', 'PUT', '-H', 'X-A: b: c', '-H', 'Accept:d', '-d', 'body', '-i']);
    assert.equal(line.target, '/a?b=c');
    assert.equal(line.method, 'PUT');
    assert.deepEqual(line.headers, ['X-A', 'b: c', 'Accept', 'd']);
    assert.equal(line.body, 'body');
    assert.equal(line.isHeadPrinted, true);
  });

  it('posts when there is a body', () => {
    assert.equal(parseCommandLine(['-d', 'x']).method, 'POST');
    assert.equal(parseCommandLine([]).method, 'GET');
  });

  const wrong: readonly (readonly [string[], RegExp])[] = [
    [['a'], /"a" is no path/],
    [['/a', '/b'], /one path is wanted, and 2 are given/],
    [['--role', 'king'], /--role is responder, authorizer or filter/],
    [['--threads', '0'], /--threads is a number from 1 to 999/],
    [['-H', 'novalue'], /is no header/],
    [['--what'], /--what/],
  ];
  for (const [parameters, message] of wrong) {
    it(`refuses ${parameters.join(' ')}`, () => assert.throws(() => parseCommandLine(parameters), message));
  }
});
