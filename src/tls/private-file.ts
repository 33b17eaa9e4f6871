// Files for their owner alone, replaced as a whole: who reads one sees what was there before or all that is there now, and two who write at once do not meet.

import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';

/** Writes it; its content is on the disk when this resolves. A process that is killed meanwhile leaves a file that ends in ".new". */
export async function replacePrivateFile(path: string, content: string | Buffer): Promise<void> {
  const beside = `${path}.${randomBytes(8).toString('hex')}.new`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** Its content; null: there is no such file. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
