// Spans of a service that runs, with OpenTelemetry's SDK loaded before it: in one thread and in several.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

interface Span {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  readonly parent: string | null;
  readonly ms: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

const sdk = new URL('../../fixtures/registers-spans.ts', import.meta.url).pathname;
const files = {
  // Holds the only lane until a file is there.
  'holds.php':
    '<?php while (!file_exists("go")) { usleep(10000); clearstatcache(); } echo $_SERVER["HTTP_TRACEPARENT"];',
  'tells.php': '<?php echo $_SERVER["HTTP_TRACEPARENT"];',
};

describe('spans of a service', { skip: phpMissing }, () => {
  for (const threads of [1, 3]) {
    it(`${threads === 1 ? 'one thread' : 'front threads'}: one for the request, in it one for the run, and in that one for the wait; PHP is told of the run`, async (t) => {
      const folder = temporaryFolder(t);
      const written = join(folder, 'spans');
      const service = await PhpService.start(t, {
        ...{ folder, files, pool: `${phpPool}workers = 1\n` },
        more: `[service]\nthreads = ${threads}\n`,
        wrapper: ['env', `NODE_OPTIONS=--import ${sdk}`, `SPANS_FILE=${written}`],
      });
      const held = service.text('holds.php');
      await until(async () => (await service.pool()).counters.running === 1, 'the lane is taken');
      const waiting = service.text('tells.php?x=1');
      await until(async () => (await service.pool()).counters.waiting === 1, 'the other waits');
      writeFileSync(join(folder, 'public/go'), '');
      const told = [await held, await waiting];
      const spans = (): Span[] =>
        existsSync(written)
          ? readFileSync(written, 'utf8')
              .split('\n')
              .filter((line) => line !== '')
              .map((line) => JSON.parse(line) as Span)
          : [];
      const requestOf = (path: string): Span | undefined =>
        spans().find(({ attributes }) => attributes['url.path'] === path);
      await until(
        () => requestOf('/holds.php') !== undefined && requestOf('/tells.php') !== undefined,
        'both are over',
      );
      const [first, second] = ['/holds.php', '/tells.php'].map((path) => requestOf(path)!);
      const inside = (parent: Span): Span[] => spans().filter((span) => span.parent === parent.id);
      const runs = [first!, second!].flatMap(inside);
      assert.deepEqual(
        runs.map(({ name }) => name),
        ['run php', 'run php'],
      );
      assert.deepEqual(
        told.map((traceparent) => traceparent.split('-').slice(1, 3)),
        runs.map(({ trace, id }) => [trace, id]),
      );
      const run = runs[1];
      const waits = runs.map((one) => inside(one).map(({ name, ms }) => [name, ms > 0 && ms <= run!.ms]));
      assert.deepEqual(waits, [[], [['wait php', true]]]);
      assert.ok(run!.ms <= second!.ms + 1, JSON.stringify([run, second]));
      assert.ok(Number(run!.attributes['process.pid']) > 0);
      assert.deepEqual([second!.attributes['http.route'], second!.attributes['url.query']], ['*.php', 'x=1']);
    });
  }
});
