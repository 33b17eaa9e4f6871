// What clients get from CGI programs as they are found in the wild, through a service as a user starts it.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type CgiService, startCgiService } from '../../support/cgi-service.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/until.ts';

const asRoot = process.getuid?.() === 0 ? 'allowRoot = true\n' : '';
const text = 'Content-Type: text/plain\\n\\n';

/** A service with these programs; a name is a byte string. */
async function serve(
  t: { after: TestContext['after'] },
  programs: Record<string, string>,
  pool = '',
): Promise<CgiService> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'site/cgi-bin'), { recursive: true });
  for (const [name, source] of Object.entries(programs)) {
    const path = Buffer.from(join(folder, 'site/cgi-bin', name), 'latin1');
    writeFileSync(path, source.replaceAll('FOLDER', folder));
    chmodSync(path, 0o755);
  }
  return startCgiService(t, folder, asRoot + pool);
}

/** The whole answer to a GET. @param target and @param field: byte strings */
async function get(t: TestContext, { port }: CgiService, target: string, field = 'X: y'): Promise<string> {
  const client = await RawClient.connect(t, port);
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n${field}\r\nConnection: close\r\n\r\n`);
  return client.untilEnd();
}

const print = `#!/bin/sh\nprintf '${text}'; printf '%s|%s|%s' "$PATH_INFO" "$HTTP_X" "$SCRIPT_NAME" | od -An -c | tr -d ' \\n'\n`;
const chunks = 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n';
const programs = {
  'exit1.sh': `#!/bin/sh\nprintf '${text}all of it\\n'\nexit 1\n`,
  'redirect.sh': "#!/bin/sh\nprintf 'Location: http://example.org/\\n\\n'\nexit 1\n",
  'false.sh': `#!/bin/sh\nprintf '${text}'\nyes | head -n 100000 | tail -1\nfalse\n`,
  'killed.sh': `#!/bin/sh\nprintf '${text}half'\nkill -9 $$\n`,
  'carp.pl': '#!/usr/bin/perl\nuse CGI::Carp qw(fatalsToBrowser);\ndie "database is down";\n',
  'cgitb.sh': "#!/bin/sh\nprintf '<!--: spam\\nContent-Type: text/html\\n\\n<body>trouble\\n'\n",
  'works-on.sh': `#!/bin/sh\nprintf '${text}answer'\nexec >&- 2>&- <&-\nsleep 3\n`,
  'print.sh': print,
  'caf\xe9.sh': print,
  'plain.sh': `touch FOLDER/ran\nprintf '${text}noshebang'\n`,
  'nph.sh': `#!/bin/sh\nprintf '${chunks}'\n`,
};

describe('CGI programs', () => {
  let service: CgiService;
  const steps: (() => unknown)[] = [];
  before(async () => {
    service = await serve({ after: (step?: unknown) => void steps.push(step as () => unknown) }, programs);
  });
  after(async () => {
    for (const step of steps.reverse()) await step();
  });

  it('have their answer whole, whatever their exit status', async (t) => {
    assert.match(await get(t, service, '/cgi-bin/exit1.sh'), /^HTTP\/1\.1 200 [\s\S]*all of it\n/);
    const redirect = await get(t, service, '/cgi-bin/redirect.sh');
    assert.match(redirect, /^HTTP\/1\.1 302 [\s\S]*\r\nLocation: http:\/\/example\.org\/\r\n/);
    assert.match(await get(t, service, '/cgi-bin/false.sh'), /^HTTP\/1\.1 200 [\s\S]*\ny\n/);
    assert.doesNotMatch(await get(t, service, '/cgi-bin/killed.sh'), /\r\n0\r\n\r\n$/);
    await service.logged(/killed\.sh ended in its answer \(SIGKILL\)/);
  });

  it("show Perl's own error page", { skip: findProgram('perl') === null && 'perl is not installed' }, async (t) => {
    assert.match(await get(t, service, '/cgi-bin/carp.pl'), /^HTTP\/1\.1 500 [\s\S]*database is down/);
  });

  it("show Python's own error page, whose first line is no field", async (t) => {
    assert.match(await get(t, service, '/cgi-bin/cgitb.sh'), /^HTTP\/1\.1 200 [\s\S]*<body>trouble/);
    await service.logged(/are no fields/);
  });

  it('answer as soon as they close their stdout, and may work on', async (t) => {
    const beganAt = performance.now();
    assert.match(await get(t, service, '/cgi-bin/works-on.sh'), /answer/);
    assert.ok(performance.now() - beganAt < 2_900, 'the answer did not wait for the program');
  });

  it('get bytes that are no UTF-8 as they came, and are found by names that are none', async (t) => {
    const answer = await get(t, service, '/cgi-bin/print.sh/%E9/caf%C3%A9', 'X: \xff');
    assert.match(answer, /\/351\/caf303251\|377\|\/cgi-bin\/print\.sh/);
    assert.match(await get(t, service, '/cgi-bin/caf%E9.sh'), /\|y\|\/cgi-bin\/caf351\.sh/);
  });

  it('are refused where no system runs them, and never given to a shell', async (t) => {
    assert.match(await get(t, service, '/cgi-bin/plain.sh'), /^HTTP\/1\.1 500 /);
    await service.logged(/plain\.sh is no binary and does not begin with "#!"/);
  });

  it('may chunk their own answer, where they speak HTTP themselves', async (t) => {
    assert.match(await get(t, service, '/cgi-bin/nph.sh'), /\r\n\r\n(?:3\r\nabc\r\n0\r\n\r\n|abc)$/);
  });

  it('are not cut while a slow client reads, however short their limits', async (t) => {
    const large = `#!/bin/sh\nprintf '${text}'\nhead -c 12000000 /dev/zero\n`;
    const { port } = await serve(t, { 'large.sh': large }, 'requestTimeout = "3s"\nreadTimeout = "3s"\n');
    const client = await RawClient.connect(t, port);
    client.send('GET /cgi-bin/large.sh HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await client.untilHas('\r\n\r\n');
    client.socket.pause();
    await wait(5_000);
    client.socket.resume();
    await until(() => client.end !== 'open');
    assert.match(client.received.slice(-10), /0\r\n\r\n$/);
    assert.ok(client.received.length > 12_000_000);
  });

  it('are cut when they are silent for readTimeout, and the log names the limit', async (t) => {
    const silent = { 'half.sh': `#!/bin/sh\nprintf '${text}first'\nsleep 60\n`, 'mute.sh': '#!/bin/sh\nsleep 60\n' };
    const limited = await serve(t, silent, 'requestTimeout = 0\nreadTimeout = "1s"\n');
    assert.doesNotMatch(await get(t, limited, '/cgi-bin/half.sh'), /\r\n0\r\n\r\n$/);
    assert.match(await get(t, limited, '/cgi-bin/mute.sh'), /^HTTP\/1\.1 504 /);
    await limited.logged(
      /^process \d+ is killed with SIGTERM while it runs GET \/cgi-bin\/mute\.sh, .* \(readTimeout, 1000 ms\)$/,
    );
  });
});
