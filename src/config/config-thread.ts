// Reads a configuration file in a thread of its own: a file of a thousand pools takes half a second, in which a running service would answer nobody.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { PosternError } from '../errors.ts';
import { type Config, type ReadConfig, sound } from './config.ts';

/** As TypeScript from a checkout, as JavaScript when built. */
const entry = new URL(`./config-thread-entry${extname(import.meta.url)}`, import.meta.url);

/** What the thread says, once. */
export type ReadingAnswer = { readonly read: ReadConfig } | { readonly refusal: string };

/**
 * Does what `readConfig` does, apart.
 * @throws CONFIG_INVALID
 */
export async function readConfigApart(file: string): Promise<Config> {
  const answer = await new Promise<ReadingAnswer>((resolve, reject) => {
    const thread = new Worker(entry, { workerData: file });
    thread.once('message', resolve);
    thread.once('error', reject);
    // After its answer this comes too late to matter.
    thread.once('exit', (code) =>
      reject(new PosternError('INTERNAL', `the thread that reads ${file} ended (${code})`)),
    );
  });
  // A class does not survive the way from one thread to another: the error is made anew here.
  if ('refusal' in answer) throw new PosternError('CONFIG_INVALID', answer.refusal);
  return sound(answer.read);
}
