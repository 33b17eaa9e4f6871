// Holds what ARCHITECTURE.md says of one warm request against what V8 sees of it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CoveredService } from '../../../bench/micro/covered-service.ts';

const root = new URL('../../../', import.meta.url).pathname.replace(/\/$/, '');

describe('ARCHITECTURE.md', () => {
  it('lists the files of which one warm request runs something', async (t) => {
    const service = await CoveredService.start(root, AbortSignal.timeout(120_000));
    t.after(() => service.close());
    await service.warm();
    const files = async (query = ''): Promise<string[]> => {
      const ran = await service.ranByRequest(query);
      return [...new Set(ran.map((one) => service.fileOf(one).replace(/\.ts$/, '')))].sort();
    };
    const counted = await files();
    assert.deepEqual(listed(readFileSync(`${root}/ARCHITECTURE.md`, 'utf8')).sort(), counted);
    // Long enough for a timer in each.
    await service.get('?slow');
    assert.deepEqual(await files('?slow'), counted);
  });
});

/** The files of the page's table, with their folders. */
function listed(page: string): string[] {
  const [, table = ''] = /\| folder \| files \|\n\|[-|]+\|\n((?:\|.*\n)+)/.exec(page) ?? [];
  return table.split('\n').flatMap((row) => {
    const [, first = '', cells = ''] = row.split('|');
    const folder = first.trim() === 'root' ? '' : first.replaceAll(/[\s`]/g, '');
    return cells.split(';').flatMap((cell) => {
      const [, inner = ''] = /^\s*(?:and )?(\w+):/.exec(cell) ?? [];
      return [...cell.matchAll(/`([\w-]+)`/g)].map(([, name]) => `${folder}${inner === '' ? '' : `${inner}/`}${name}`);
    });
  });
}
