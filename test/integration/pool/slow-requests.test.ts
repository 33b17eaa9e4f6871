// Slow requests of real programs: what is said of their processes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SlowRequest } from '../../../src/queue/slow-record.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const files = {
  'sleeps.php': '<?php $f = fopen(__FILE__, "r"); error_log("step 1"); flush(); sleep(2); echo "ok";',
  'works.php': '<?php $end = microtime(true) + 2; while (microtime(true) < $end) { $x = sqrt(2); } echo "ok";',
  'quick.php': '<?php echo "ok";',
};

const ini = 'ini = { log_errors = true, error_log = "", display_errors = false }\n';

describe('slow requests', { skip: phpMissing }, () => {
  it('are noted with what their process does: one that waits, one that computes; a quick one is not', async (t) => {
    const pool = `${phpPool}workers = 3\nslowAfter = "500ms"\nstatusPath = "/fpm"\n${ini}`;
    const service = await PhpService.start(t, { files, pool });
    const slow = async (): Promise<readonly SlowRequest[]> => (await service.pool()).slow;
    const answers = ['sleeps.php?token=secret', 'works.php', 'quick.php'].map((path) => service.text(path));
    await until(async () => (await slow()).length === 2, 'two are noted');
    const find = (all: readonly SlowRequest[], script: string): SlowRequest =>
      all.find((one) => one.script.endsWith(script))!;
    const all = await slow();
    const sleeper = find(all, '/public/sleeps.php');
    assert.equal(sleeper.url, '/sleeps.php?token=***');
    assert.equal(sleeper.process?.state, 'S');
    assert.ok(sleeper.process.files.file >= 1 && sleeper.process.files.socket >= 1, JSON.stringify(sleeper.process));
    assert.deepEqual([sleeper.lastWords, sleeper.hasAnswered, sleeper.attempts], [['step 1'], false, 1]);
    const worker = find(all, '/public/works.php');
    assert.ok(worker.process!.cpuMs > 0 && worker.pid !== sleeper.pid);
    assert.deepEqual(await Promise.all(answers), ['ok', 'ok', 'ok']);
    await until(
      async () => (await slow()).every(({ totalMs }) => totalMs !== null && totalMs >= 1_900),
      'both have ended',
    );
    assert.equal(service.log('longer than slowAfter').length, 2);
    const status = (await (await service.get('fpm?json')).json()) as Record<string, unknown>;
    assert.equal(status['slow requests'], 2);
    assert.match(await (await fetch(`${service.admin}metrics`)).text(), /^postern_pool_slow_total\{pool="php"\} 2$/m);
  });
});
