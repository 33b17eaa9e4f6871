import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import type { PosternError } from '../../src/errors.ts';
import { BLOCK_BYTES, SpoolBlocks } from '../../src/gateway/spool-blocks.ts';
import { SpoolFile, type SpoolUser } from '../../src/gateway/spool-file.ts';
import { closeUnnamed, openUnnamed } from '../../src/gateway/unnamed-file.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

/** Notes what it is told. */
class User implements SpoolUser {
  rooms = 0;
  written = false;
  error: PosternError | null = null;

  hasRoom(): void {
    this.rooms += 1;
  }

  isWritten(): void {
    this.written = true;
  }

  failed(error: PosternError): void {
    this.error = error;
  }
}

/** A disk that writes only when it is let, one write at a time. */
class SlowDisk {
  readonly writes: number[] = [];
  readonly #held: (() => void)[] = [];
  isSlow = true;
  handle: FileHandle | null = null;

  readonly open = (async (...given: Parameters<typeof open>) => {
    const handle = await open(...given);
    this.handle = handle;
    const write = handle.write.bind(handle) as (block: Buffer, from: number, count: number, at: number) => unknown;
    handle.write = (async (block: Buffer, from: number, count: number, at: number) => {
      this.writes.push(count);
      if (this.isSlow) await new Promise<void>((resolve) => this.#held.push(resolve));
      return write(block, from, count, at);
    }) as typeof handle.write;
    return handle;
  }) as typeof open;

  go(): void {
    this.isSlow = false;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

function spooling(t: TestContext, { blocks = new SpoolBlocks(), openFile = open } = {}) {
  const folder = temporaryFolder(t);
  const user = new User();
  const spool = new SpoolFile(folder, blocks, user, openFile);
  t.after(() => spool.close());
  return { folder, user, spool, blocks };
}

/** Bytes that say where they are. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

async function content(spool: SpoolFile): Promise<Buffer> {
  return Buffer.concat(await spool.stream().toArray());
}

describe('SpoolFile', () => {
  it('keeps its bytes in a file without a name (rule 22: it is gone afterwards in every case)', async (t) => {
    const { folder, user, spool } = spooling(t);
    spool.add(Buffer.from('one '));
    spool.add(Buffer.from('two'));
    spool.end();
    await until(() => user.written);
    assert.deepEqual(readdirSync(folder), []);
    assert.equal(spool.length, 7);
    for (let i = 0; i < 2; i++) assert.equal((await content(spool)).toString(), 'one two');
    spool.close();
    spool.close();
  });

  it('keeps the same bytes however they are cut', async (t) => {
    const bytes = pattern(3 * BLOCK_BYTES + 12);
    for (const size of [65_536, 100_000, BLOCK_BYTES, 2 * BLOCK_BYTES + 5, bytes.length]) {
      const { user, spool } = spooling(t);
      for (let at = 0; at < bytes.length; at += size) {
        const rooms = user.rooms;
        if (!spool.add(bytes.subarray(at, at + size))) await until(() => user.rooms > rooms);
      }
      spool.end();
      await until(() => user.written);
      assert.ok((await content(spool)).equals(bytes), `cut into ${size}`);
    }
  });

  it('copies what it is lent', async (t) => {
    const { user, spool, blocks } = spooling(t, { blocks: new SpoolBlocks(1) });
    const other = spooling(t, { blocks });
    other.spool.add(Buffer.from('x'));
    const lent = Buffer.from('lent');
    assert.equal(spool.add(lent), false, 'the only block is taken');
    lent.fill(0);
    await until(() => user.rooms > 0);
    spool.end();
    await until(() => user.written);
    assert.equal((await content(spool)).toString(), 'lent');
  });

  it('keeps what finds no room as it comes, in its order: many small chunks are not copied again with each', async (t) => {
    const { user, spool, blocks } = spooling(t, { blocks: new SpoolBlocks(1) });
    const other = spooling(t, { blocks });
    other.spool.add(Buffer.from('x'));
    const bytes = pattern(400_000);
    const beganAtMs = performance.now();
    spool.add(bytes.subarray(0, 300_000));
    for (let at = 300_000; at < bytes.length; at += 1) spool.add(bytes.subarray(at, at + 1));
    // 35 GB were copied when each was joined to those before it.
    assert.ok(performance.now() - beganAtMs < 5_000);
    await until(() => user.rooms > 0);
    spool.end();
    await until(() => user.written);
    assert.ok((await content(spool)).equals(bytes));
  });

  it('stops its user when the disk is slower, and goes on when it has written', async (t) => {
    const disk = new SlowDisk();
    const { user, spool } = spooling(t, { openFile: disk.open });
    const bytes = pattern(4 * BLOCK_BYTES);
    const chunkBytes = BLOCK_BYTES / 4;
    let at = 0;
    let hasRoom = true;
    while (hasRoom) {
      hasRoom = spool.add(bytes.subarray(at, at + chunkBytes));
      at += chunkBytes;
    }
    assert.equal(at, 2 * BLOCK_BYTES + chunkBytes, 'one block is being written, one is full, one chunk is left over');
    await until(() => disk.writes.length > 0);
    assert.equal(user.rooms, 0);
    disk.go();
    await until(() => user.rooms === 1);
    spool.add(bytes.subarray(at));
    spool.end();
    await until(() => user.written);
    assert.ok((await content(spool)).equals(bytes));
  });

  it('writes in large pieces what comes in small ones', async (t) => {
    const disk = new SlowDisk();
    disk.go();
    const { user, spool } = spooling(t, { openFile: disk.open });
    for (let i = 0; i < 20; i++) spool.add(Buffer.alloc(16_384));
    spool.end();
    await until(() => user.written);
    assert.deepEqual(disk.writes, [327_680]);
  });

  it('holds no more memory than its blocks, however many bodies there are and however slow', async (t) => {
    const blocks = new SpoolBlocks(3);
    const spools = Array.from({ length: 20 }, () => spooling(t, { blocks }));
    // All begin, and pause for ever in the middle of a block: none may keep the others from theirs.
    const half = pattern(BLOCK_BYTES / 2);
    await Promise.all(
      spools.map(async ({ spool, user }) => {
        if (!spool.add(half)) await until(() => user.rooms === 1);
      }),
    );
    assert.equal(blocks.count, 3);
    for (const { spool } of spools) spool.end();
    for (const { spool, user } of spools) {
      await until(() => user.written);
      assert.ok((await content(spool)).equals(half));
    }
    assert.equal(blocks.count, 2, 'the others went back to the system');
  });

  it('gives its block to the others when it is closed, but one that is being written only afterwards', async (t) => {
    const blocks = new SpoolBlocks(2);
    const disk = new SlowDisk();
    const first = spooling(t, { blocks, openFile: disk.open });
    first.spool.add(Buffer.alloc(BLOCK_BYTES + 1));
    await until(() => disk.writes.length > 0);
    first.spool.close();
    const second = spooling(t, { blocks });
    const third = spooling(t, { blocks });
    assert.equal(second.spool.add(Buffer.from('second')), true);
    // Only what the first has held can help the third.
    second.spool.writeEarly = () => {};
    assert.equal(third.spool.add(Buffer.from('third')), false);
    disk.go();
    await until(() => third.user.rooms === 1);
    assert.deepEqual([first.user.written, first.user.error], [false, null], 'nothing is told to who has closed it');
    await until(() => disk.handle?.fd === -1);
  });

  it('leaves nothing open when it is closed before its file is', async (t) => {
    const opening = Promise.withResolvers<void>();
    let handle: FileHandle | null = null;
    const openFile = (async (...given: Parameters<typeof open>) => {
      await opening.promise;
      handle = await open(...given);
      return handle;
    }) as typeof open;
    const { spool, folder } = spooling(t, { openFile });
    spool.add(Buffer.from('x'));
    spool.end();
    spool.close();
    opening.resolve();
    await until(() => handle?.fd === -1);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('reads into buffers at any position, again and again, until it is closed', async (t) => {
    const { user, spool } = spooling(t);
    const bytes = pattern(100_000);
    spool.add(bytes);
    spool.end();
    await until(() => user.written);
    const buffers = [Buffer.alloc(30_000), Buffer.alloc(50_000)];
    for (let i = 0; i < 2; i++) {
      assert.equal(await spool.readAt(buffers, 10_000), 80_000);
      assert.ok(Buffer.concat(buffers).equals(bytes.subarray(10_000, 90_000)));
    }
    assert.equal(await spool.readAt(buffers, 90_000), 10_000);
    assert.equal(await spool.readAt(buffers, 100_000), 0);
    const underWay = spool.readAt(buffers, 0);
    spool.close();
    assert.equal(await underWay, 80_000);
    await assert.rejects(spool.readAt(buffers, 0), { code: 'EBADF' });
  });

  it('ends its streams when it is closed, so that none reads what its number stands for next', async (t) => {
    const disk = new SlowDisk();
    disk.go();
    const { user, spool } = spooling(t, { openFile: disk.open });
    spool.add(Buffer.alloc(300_000));
    spool.end();
    await until(() => user.written);
    const stream = spool.stream();
    await new Promise((resolve) => stream.once('data', resolve));
    const closed = new Promise((resolve) => stream.once('close', resolve));
    spool.close();
    await closed;
    await until(() => disk.handle?.fd === -1);
  });

  it('fails with SPOOL_FULL when the disk is full (rule 22: 507), and its blocks are free again', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('/dev/full is not there');
    const openFull = (() => open('/dev/full', 'r+')) as typeof open;
    const { user, spool, blocks } = spooling(t, { openFile: openFull, blocks: new SpoolBlocks(2) });
    spool.add(Buffer.alloc(2 * BLOCK_BYTES));
    await until(() => user.error !== null);
    assert.deepEqual([user.error?.code, user.error?.status, user.error?.retryable], ['SPOOL_FULL', 507, true]);
    spool.close();
    const next = spooling(t, { blocks });
    assert.equal(next.spool.add(Buffer.alloc(2 * BLOCK_BYTES)), true);
    assert.equal(blocks.count, 2);
  });

  it('fails with SPOOL_FULL when its folder takes no file', async () => {
    const user = new User();
    const spool = new SpoolFile('/nowhere/at/all', new SpoolBlocks(), user);
    spool.add(Buffer.from('x'));
    spool.end();
    await until(() => user.error !== null);
    assert.equal(user.error?.code, 'SPOOL_FULL');
    spool.close();
  });

  it('fails with SPOOL_BUSY when no descriptor is left (503), and the next one is spooled', async (t) => {
    const shortage = (async () => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    }) as unknown as typeof open;
    const { user, spool, blocks } = spooling(t, { openFile: shortage });
    spool.add(Buffer.alloc(BLOCK_BYTES));
    await until(() => user.error !== null);
    assert.deepEqual([user.error?.code, user.error?.status, user.error?.retryable], ['SPOOL_BUSY', 503, true]);
    spool.close();
    const next = spooling(t, { blocks });
    next.spool.add(Buffer.from('next'));
    next.spool.end();
    await until(() => next.user.written);
  });
});

describe('openUnnamed()', () => {
  it('makes a file that never has a name, where the system can', async (t) => {
    if (process.platform !== 'linux') return t.skip('only Linux can');
    const folder = temporaryFolder(t);
    const paths: unknown[] = [];
    const watched = ((...given: Parameters<typeof open>) => {
      paths.push(given[0]);
      return open(...given);
    }) as typeof open;
    const file = await openUnnamed(folder, watched);
    assert.deepEqual(paths, [folder]);
    await file.handle.write('kept');
    assert.equal((await file.handle.read(Buffer.alloc(4), 0, 4, 0)).bytesRead, 4);
    assert.deepEqual(readdirSync(folder), []);
    closeUnnamed(file);
  });

  it('takes the name away at once where the system cannot', async (t) => {
    const folder = temporaryFolder(t);
    const old = ((path: string, flags: string | number, mode: number) => {
      if (typeof flags === 'number') return Promise.reject(Object.assign(new Error('no'), { code: 'EOPNOTSUPP' }));
      return open(path, flags, mode);
    }) as typeof open;
    const file = await openUnnamed(folder, old);
    assert.deepEqual([readdirSync(folder), file.leftPath], [[], null]);
    closeUnnamed(file);
  });
});
