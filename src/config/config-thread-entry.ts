// The thread that reads a configuration file: see `config-thread.ts`.

import { parentPort, workerData } from 'node:worker_threads';
import { toPosternError } from '../errors.ts';
import { readFileOf } from './config-file.ts';
import type { ReadingAnswer } from './config-thread.ts';

const answer = await readFileOf(workerData as string).then(
  (read): ReadingAnswer => ({ read }),
  (thrown): ReadingAnswer => {
    const error = toPosternError(thrown);
    if (error.code !== 'CONFIG_INVALID') throw error;
    return { refusal: error.message };
  },
);
parentPort!.postMessage(answer);
