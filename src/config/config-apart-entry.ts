// The process that reads a configuration file: see `config-apart.ts`.

import { toPosternError } from '../errors.ts';
import type { ReadingAnswer } from './config-apart.ts';
import { readFileOf } from './config-file.ts';

const answer = await readFileOf(process.argv[2]!).then(
  (read): ReadingAnswer => ({ read }),
  (thrown): ReadingAnswer => {
    const error = toPosternError(thrown);
    if (error.code !== 'CONFIG_INVALID') throw error;
    return { refusal: error.message };
  },
);
process.send!(answer, undefined, undefined, () => process.disconnect!());
