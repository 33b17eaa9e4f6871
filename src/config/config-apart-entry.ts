// The process that reads a configuration file: see `config-apart.ts`.

import { toPosternError } from '../errors.ts';
import { cut } from '../protocol/pieces.ts';
import type { ReadConfig } from './config.ts';
import type { ReadingAnswer } from './config-apart.ts';
import { readFileOf } from './config-file.ts';

const say = (answer: ReadingAnswer): Promise<void> =>
  new Promise((resolve) => process.send!(answer, undefined, undefined, () => resolve()));

async function tell(read: ReadConfig): Promise<void> {
  const { rest, pieces } = cut(read);
  for (const piece of pieces) await say({ piece });
  await say({ rest });
}

try {
  await tell(await readFileOf(process.argv[2]!));
} catch (thrown) {
  const error = toPosternError(thrown);
  if (error.code !== 'CONFIG_INVALID') throw error;
  await say({ refusal: error.message });
}
process.disconnect!();
