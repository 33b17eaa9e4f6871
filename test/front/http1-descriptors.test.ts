import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const program = new URL('../fixtures/http1-front.ts', import.meta.url).pathname;
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('a front whose process has no descriptor left', () => {
  it('goes on with the connections it has, and accepts again when some are free', async (t) => {
    const child = spawn('sh', ['-c', `ulimit -n 100; exec "$0" "$1"`, process.execPath, program]);
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    await until(() => output.includes('\n'));
    const port = Number(output);

    const first = await RawClient.connect(t, port);
    const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(t, port)));
    await until(() => readdirSync(`/proc/${child.pid}/fd`).length >= 98);
    first.send(get);
    await first.untilHas('ok');

    for (const client of clients) client.socket.destroy();
    await until(() => readdirSync(`/proc/${child.pid}/fd`).length < 50);
    const last = await RawClient.connect(t, port);
    last.send(get);
    await last.untilHas('ok');
    assert.equal(child.exitCode, null);
  });
});
