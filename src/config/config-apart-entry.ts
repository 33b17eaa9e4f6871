// The process that reads a configuration file: see `config-apart.ts`.

import { toPosternError } from '../errors.ts';
import type { ReadConfig } from './config.ts';
import { pieceLength, type ReadingAnswer } from './config-apart.ts';
import { readFileOf } from './config-file.ts';

const say = (answer: ReadingAnswer): Promise<void> =>
  new Promise((resolve) => process.send!(answer, undefined, undefined, () => resolve()));

function* piecesOf<Item>(items: readonly Item[]): Iterable<Item[]> {
  for (let from = 0; from < items.length; from += pieceLength) yield items.slice(from, from + pieceLength);
}

async function tell({ values, problems, origin }: ReadConfig): Promise<void> {
  for (const piece of piecesOf(Object.entries(values.pool))) await say({ pools: Object.fromEntries(piece) });
  for (const piece of piecesOf([...origin.lines])) await say({ lines: piece });
  await say({ read: { values: { ...values, pool: {} }, problems, origin: { ...origin, lines: new Map() } } });
}

try {
  await tell(await readFileOf(process.argv[2]!));
} catch (thrown) {
  const error = toPosternError(thrown);
  if (error.code !== 'CONFIG_INVALID') throw error;
  await say({ refusal: error.message });
}
process.disconnect!();
