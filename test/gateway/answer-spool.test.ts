import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { AnswerSpool, AnswerSpools, type AnswerSpoolUser } from '../../src/gateway/answer-spool.ts';
import { openUnnamed, type UnnamedFile } from '../../src/gateway/unnamed-file.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

/** Who keeps an answer, and takes so many pieces at a time. */
class User implements AnswerSpoolUser {
  readonly taken: Buffer[] = [];
  room = 0;
  hasEmptied = 0;
  hadRoom = 0;
  failure: unknown = null;

  take(bytes: Buffer): boolean {
    this.taken.push(Buffer.from(bytes));
    this.room -= 1;
    return this.room > 0;
  }

  emptied(): void {
    this.hasEmptied += 1;
  }

  spoolHasRoom(): void {
    this.hadRoom += 1;
  }

  spoolFailed(error: unknown): void {
    this.failure = error;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.taken);
  }
}

const megabyte = 1024 * 1024;

function spoolIn(
  t: TestContext,
  {
    most = 8 * megabyte,
    total = 0,
    openFile = openUnnamed,
  }: { most?: number; total?: number; openFile?: (folder: string) => Promise<UnnamedFile> } = {},
) {
  const folder = temporaryFolder(t);
  const troubles: unknown[] = [];
  const spools = new AnswerSpools(
    { spoolFolder: folder, answerSpoolBytes: most, answerSpoolTotalBytes: total },
    (error) => troubles.push(error),
  );
  const user = new User();
  const spool = new AnswerSpool(spools, user, openFile);
  t.after(() => spool.close());
  return { folder, spools, user, spool, troubles };
}

/** Adds in pieces, as a program that waits when it is told to. */
async function addAll(spool: AnswerSpool, user: User, bytes: Buffer): Promise<void> {
  for (let from = 0; from < bytes.length; from += 50_000) {
    const rooms = user.hadRoom;
    if (!spool.add(bytes.subarray(from, from + 50_000))) await until(() => user.hadRoom > rooms);
  }
}

async function takeAll(spool: AnswerSpool, user: User): Promise<void> {
  user.room = Number.POSITIVE_INFINITY;
  spool.pump();
  await until(() => user.hasEmptied > 0);
}

describe('an answer that is kept', () => {
  it('comes back in its order, through memory and disk', async (t) => {
    const { user, spool, spools, folder } = spoolIn(t);
    const bytes = randomBytes(3 * megabyte + 17);
    await addAll(spool, user, bytes);
    assert.ok(spools.bytes > 2 * megabyte);
    assert.deepEqual(readdirSync(folder), []);
    await takeAll(spool, user);
    assert.ok(user.bytes.equals(bytes));
    assert.equal(spools.bytes, 0);
  });

  it('comes back while more is added, one piece at a time', async (t) => {
    const { user, spool } = spoolIn(t);
    const bytes = randomBytes(4 * megabyte);
    const timer = setInterval(() => {
      user.room = 1;
      spool.pump();
    }, 1);
    t.after(() => clearInterval(timer));
    await addAll(spool, user, bytes);
    spool.end();
    await until(() => user.bytes.length === bytes.length);
    assert.ok(user.bytes.equals(bytes));
  });

  it('goes no further than it may: then its program waits until all was read, and the file begins anew', async (t) => {
    const { user, spool, spools } = spoolIn(t, { most: megabyte });
    const bytes = randomBytes(2 * megabyte);
    let given = 0;
    while (spool.add(bytes.subarray(given, given + 50_000)) || spools.bytes < 900_000) {
      given += 50_000;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert.ok(spools.bytes <= megabyte);
    assert.ok(given < 1.3 * megabyte, `${given} bytes were kept`);
    const rooms = user.hadRoom;
    await takeAll(spool, user);
    assert.ok(user.hadRoom > rooms);
    assert.equal(spools.bytes, 0);
    assert.ok(spool.add(bytes.subarray(0, 100_000)));
    await until(() => spools.bytes > 0);
  });

  it('shares a total with the others', async (t) => {
    const { user, spool, spools } = spoolIn(t, { total: megabyte });
    await addAll(spool, user, randomBytes(700_000));
    const second = new User();
    const other = new AnswerSpool(spools, second);
    t.after(() => other.close());
    while (other.add(Buffer.alloc(50_000))) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.ok(spools.bytes <= megabyte);
    spool.close();
    other.close();
    await until(() => spools.bytes === 0);
  });

  it('stays in memory, whole, where the disk is full, and its program waits', async (t) => {
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    const { user, spool, troubles, spools } = spoolIn(t, { openFile: () => Promise.reject(full) });
    const bytes = randomBytes(300_000);
    let mayGoOn = true;
    for (let from = 0; from < bytes.length; from += 50_000) mayGoOn = spool.add(bytes.subarray(from, from + 50_000));
    await until(() => troubles.length === 1);
    assert.equal(mayGoOn, false);
    assert.equal(user.hadRoom, 0);
    await takeAll(spool, user);
    assert.ok(user.bytes.equals(bytes));
    assert.equal(user.hadRoom, 1);
    assert.equal(spools.bytes, 0);
  });

  it('is told of when it cannot be read again', async (t) => {
    const { user, spool } = spoolIn(t, {
      async openFile(folder) {
        const file = await openUnnamed(folder);
        t.after(() => file.handle.close().catch(() => {}));
        file.handle.read = () => Promise.reject(new Error('EIO'));
        return file;
      },
    });
    await addAll(spool, user, randomBytes(200_000));
    user.room = 1;
    spool.pump();
    await until(() => user.failure !== null);
  });

  it('gives all back when it is closed in the middle of a write', async (t) => {
    const { spool, spools } = spoolIn(t);
    spool.add(Buffer.alloc(100_000));
    spool.close();
    spool.close();
    await until(() => spools.bytes === 0);
  });
});
