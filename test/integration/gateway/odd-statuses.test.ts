// Statuses that programs give and HTTP has no meaning for, and methods that nobody has heard of.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { RawClient } from '../../support/raw-client.ts';

describe('what a program and a client say', { skip: phpMissing }, () => {
  it('is a status up to 999, as Apache takes it, counted as any other; above it is 502', async (t) => {
    const files = { 'say.php': '<?php header("Status: $_GET[status] Odd"); echo "body";' };
    const service = await PhpService.start(t, { files });
    const first = async (status: number): Promise<string> => {
      const client = await RawClient.connect(t, service.port);
      client.send(`GET /say.php?status=${status} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return (await client.untilEnd()).split('\r\n', 1)[0]!;
    };
    assert.equal(await first(600), 'HTTP/1.1 600 Odd');
    assert.equal(await first(999), 'HTTP/1.1 999 Odd');
    assert.equal(await first(1_000), 'HTTP/1.1 502 Bad Gateway');
    assert.deepEqual((await service.status()).answers, { 502: 1, 600: 1, 999: 1 });
    const metrics = await (await fetch(`${service.admin}metrics`)).text();
    assert.match(metrics, /status="999"\} 1$/m);
  });

  it('is a method: any token reaches it, but TRACE is 405 and CONNECT 501', async (t) => {
    const service = await PhpService.start(t, { files: { 'say.php': '<?php echo $_SERVER["REQUEST_METHOD"];' } });
    const answer = async (method: string): Promise<string> => {
      const client = await RawClient.connect(t, service.port);
      client.send(`${method} /say.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return client.untilEnd();
    };
    for (const method of ['M-SEARCH', 'PURGE', 'get', "a!#$%&'*+-.^_`|~1"]) {
      assert.ok((await answer(method)).endsWith(`\r\n\r\n${method}`), method);
    }
    assert.match(await answer('TRACE'), /^HTTP\/1\.1 405 /);
    assert.match(await answer('CONNECT'), /^HTTP\/1\.1 501 /);
  });
});
