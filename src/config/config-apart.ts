// Reads a configuration file in a process of its own: a file of a thousand pools takes half a second, in which a running service would answer
// nobody, and a hundred megabytes, which go back to the system with the process. What a thread had stays with the service.

import { fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PosternError } from '../errors.ts';
import { joined, type Piece } from '../protocol/pieces.ts';
import { type Config, type ReadConfig, sound } from './config.ts';

/** As TypeScript from a checkout, as JavaScript when built. */
const entry = fileURLToPath(new URL(`./config-apart-entry${extname(import.meta.url)}`, import.meta.url));

/** A file below this is read sooner than a process is started. */
const largeBytes = 65_536;

/** What the process says: pieces, at last the rest of a ReadConfig; or why the file is refused. */
export type ReadingAnswer = { readonly piece: Piece } | { readonly rest: unknown } | { readonly refusal: string };

/**
 * Does what `readConfig` does, apart.
 * @throws CONFIG_INVALID
 */
export async function readConfigApart(file: string): Promise<Config> {
  return sound(await readFileApart(file));
}

/** Does what `readFileOf` does, for a start: apart where the file is large. @throws CONFIG_INVALID when it cannot be read, or is not TOML */
export async function readAtStart(file: string): Promise<ReadConfig> {
  const isLarge = (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > largeBytes;
  if (isLarge) return readFileApart(file);
  const { readFileOf } = await import('./config-file.ts');
  return readFileOf(file);
}

async function readFileApart(file: string): Promise<ReadConfig> {
  const cache = getCompileCacheDir();
  const pieces: Piece[] = [];
  const answer = await new Promise<Exclude<ReadingAnswer, { piece: unknown }>>((resolve, reject) => {
    const reader = fork(entry, [file], {
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }) },
    });
    const failed = (why: string): void =>
      reject(new PosternError('INTERNAL', `the process that reads ${file} ${why}: try it again`));
    reader.on('message', (message) => {
      const said = message as ReadingAnswer;
      if ('piece' in said) pieces.push(said.piece);
      else resolve(said);
    });
    reader.once('error', ({ message }) => failed(`could not be started (${message})`));
    // After its answer this comes too late to matter.
    reader.once('close', (code, signal) => failed(`ended without a word (${signal ?? `exit ${code}`})`));
  });
  // A class does not survive the way from one process to another: the error is made anew here.
  if ('refusal' in answer) throw new PosternError('CONFIG_INVALID', answer.refusal);
  return joined({ ...answer, pieces }) as ReadConfig;
}
