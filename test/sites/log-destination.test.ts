import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LogDestination } from '../../src/sites/log-destination.ts';
import { temporaryFolder } from '../support/folder.ts';

const full = (): never => {
  throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
};

describe('LogDestination', () => {
  it('writes lines in order, however little the system takes at a time', (t) => {
    let text = '';
    const destination = new LogDestination(1, (_, bytes) => {
      text += bytes.subarray(0, 3).toString();
      return Math.min(3, bytes.length);
    });
    t.after(() => destination.close());
    destination.write('one\n');
    destination.write('two lines\n');
    destination.flush();
    assert.equal(text, 'one\ntwo lines\n');
  });

  it('writes lines that came together at once, however long they are, and goes on with what a write has left', (t) => {
    for (const [characters, taken] of [
      [65_536, 100_000],
      [98_000, 300_000],
      [110_000, 70_000],
    ] as const) {
      let text = '';
      let writes = 0;
      const destination = new LogDestination(join(temporaryFolder(t), 'postern.log'), (_, bytes) => {
        writes += 1;
        const length = Math.min(taken, bytes.length);
        text += bytes.toString('latin1', 0, length);
        return length;
      });
      t.after(() => destination.close());
      const lines = `${'é'.repeat(99)}\n`.repeat(characters / 100);
      destination.write(lines);
      destination.write('last\n');
      destination.flush();
      assert.equal(Buffer.from(text, 'latin1').toString(), `${lines}last\n`);
      assert.ok(writes <= 2 + (2 * characters) / taken, `${writes} writes of ${characters}`);
    }
  });

  it('makes a file that not everybody may read', (t) => {
    const path = join(temporaryFolder(t), 'postern.log');
    const destination = new LogDestination(path);
    t.after(() => destination.close());
    assert.equal(statSync(path).mode & 0o007, 0);
  });

  it('keeps what a full disk does not take, loses what is more, and tells how much that was', (t) => {
    let write: (bytes: Buffer) => number = full;
    let text = '';
    const destination = new LogDestination(2, (_, bytes) => write(bytes));
    t.after(() => destination.close());
    const line = `${'x'.repeat(999)}\n`;
    for (let count = 0; count < 1_000; count += 1) destination.write(line);
    destination.flush();
    assert.ok(
      destination.status.lostLines > 700 && destination.status.lostLines < 800,
      `${destination.status.lostLines}`,
    );
    const lost = destination.status.lostLines;
    write = (bytes) => {
      text += bytes.toString();
      return bytes.length;
    };
    destination.flush();
    const lines = text.trimEnd().split('\n');
    assert.equal(lines.length - 1 + lost, 1_000);
    assert.match(
      lines.at(-1)!,
      new RegExp(`"${lost} lines of this log were lost while it could not be written \\(ENOSPC\\)"`),
    );
    assert.deepEqual(destination.status, { lostLines: lost, trouble: null });
  });

  it('opens its file again by its name, and goes on with the old one where that fails', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'log');
    const destination = new LogDestination(path);
    t.after(() => destination.close());
    destination.write('one\n');
    renameSync(path, `${path}.1`);
    destination.reopen();
    destination.write('two\n');
    destination.flush();
    assert.deepEqual([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')], ['one\n', 'two\n']);
    rmSync(folder, { recursive: true });
    assert.throws(() => destination.reopen(), { code: 'ENOENT' });
    destination.write('three\n');
    destination.flush();
  });

  it('tells of a file that could not be opened again, until it is: lines go where they may be taken away', (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'logs/log');
    mkdirSync(join(folder, 'logs'));
    const destination = new LogDestination(path);
    t.after(() => destination.close());
    renameSync(join(folder, 'logs'), join(folder, 'old'));
    assert.throws(() => destination.reopen(), { code: 'ENOENT' });
    assert.equal(destination.status.trouble, 'by its name, ENOENT: lines go to the file of before');
    destination.write('one\n');
    destination.flush();
    assert.equal(readFileSync(join(folder, 'old/log'), 'utf8'), 'one\n');
    mkdirSync(join(folder, 'logs'));
    destination.reopen();
    assert.deepEqual(destination.status, { lostLines: 0, trouble: null });
  });

  it('never cuts a line in two: one that a full disk took half is whole in the next file', (t) => {
    const path = join(temporaryFolder(t), 'log');
    let room = 10;
    const destination = new LogDestination(path, (descriptor, bytes) => {
      if (room === 0) full();
      const written = writeSync(descriptor, bytes.subarray(0, room));
      room -= written;
      return written;
    });
    t.after(() => destination.close());
    destination.write('one\n');
    destination.write('the second line\n');
    destination.flush();
    assert.equal(readFileSync(path, 'utf8'), 'one\nthe se');
    assert.equal(destination.status.trouble, 'ENOSPC');
    renameSync(path, `${path}.1`);
    room = 1_000;
    destination.reopen();
    assert.equal(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'), 'one\nthe second line\n');
    assert.match(readFileSync(`${path}.1`, 'utf8'), /\n$/);
  });

  it('takes half a line back at its end, and ends one that a killed service left', (t) => {
    const path = join(temporaryFolder(t), 'log');
    writeFileSync(path, 'half');
    let room = 6;
    const destination = new LogDestination(path, (descriptor, bytes) => {
      if (room === 0) full();
      const written = writeSync(descriptor, bytes.subarray(0, room));
      room -= written;
      return written;
    });
    destination.write('one\n');
    destination.write('two\n');
    destination.close();
    assert.equal(readFileSync(path, 'utf8'), 'half\none\n');
  });

  it('refuses a symbolic link in the place of its file', (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'target'), '');
    symlinkSync('target', join(folder, 'log'));
    assert.throws(() => new LogDestination(join(folder, 'log')), { code: 'ELOOP' });
  });
});
