import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { SpoolFile } from '../../src/gateway/spool-file.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('SpoolFile', () => {
  it('keeps its bytes in a file without a name (rule 22: it is gone afterwards in every case)', async (t) => {
    const folder = temporaryFolder(t);
    const spool = await SpoolFile.create(folder);
    await spool.append(Buffer.from('one '));
    await spool.append(Buffer.from('two'));
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(spool.length, 7);
    for (let i = 0; i < 2; i++) assert.equal(Buffer.concat(await spool.stream().toArray()).toString(), 'one two');
    spool.close();
    spool.close();
  });

  it('ends its streams when it is closed, so that none reads what its number stands for next', async (t) => {
    const spool = await SpoolFile.create(temporaryFolder(t));
    await spool.append(Buffer.alloc(300_000));
    const stream = spool.stream();
    await new Promise((resolve) => stream.once('data', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    spool.close();
    await closed;
  });

  it('fails with SPOOL_FULL when the disk is full (rule 22: 507)', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('/dev/full is not there');
    const spool = await SpoolFile.create(temporaryFolder(t), () => open('/dev/full', 'r+'));
    await assert.rejects(spool.append(Buffer.alloc(10)), { code: 'SPOOL_FULL', status: 507, retryable: true });
    spool.close();
  });

  it('fails with INTERNAL when its folder is not there', async () => {
    await assert.rejects(SpoolFile.create('/nowhere/at/all'), { code: 'INTERNAL' });
  });
});
