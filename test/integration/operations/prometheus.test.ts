// Debian's Prometheus reads what contrib/grafana has, and a running service.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { freePort, startServer } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const alerts = new URL('../../../contrib/grafana/alerts.yml', import.meta.url).pathname;
const dashboard = JSON.parse(
  readFileSync(new URL('../../../contrib/grafana/dashboard.json', import.meta.url), 'utf8'),
) as Dashboard;

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data: { readonly result: readonly unknown[] };
}

/** Nothing of a service without a `connect` pool. */
const empty = ['Servers of connect pools that rest'];

const skip = phpMissing || (findProgram('prometheus') === null ? 'prometheus is not installed' : false);

describe('Prometheus', { skip }, () => {
  it('finds no fault in the metrics of a service, nor in the alerts', async (t) => {
    const service = await PhpService.start(t, { files: { 'a.php': '<?php echo "a";' } });
    await service.text('a.php');
    const input = await (await fetch(`${service.admin}metrics`)).text();
    for (const [args, text] of [
      [['check', 'metrics'], input],
      [['check', 'rules', alerts], ''],
    ] as const) {
      const { status, stdout, stderr } = spawnSync('promtool', args, { input: text, encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, ''], `${args.join(' ')}: ${stdout}`);
    }
  });

  it('has data for each panel of the dashboard, and evaluates each alert', async (t) => {
    const folder = temporaryFolder(t);
    const service = await PhpService.start(t, {
      folder,
      files: { 'a.php': '<?php echo "a";' },
      pool: `${phpPool}workers = 2\nstatusPath = "/status"\n`,
    });
    await Promise.all(Array.from({ length: 20 }, () => service.text('a.php')));
    const port = await freePort();
    const config = join(folder, 'prometheus.yml');
    const target = `{ targets: ["${new URL(service.admin).host}"] }`;
    writeFileSync(
      config,
      `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: ["${alerts}"]\nscrape_configs:\n` +
        `  - job_name: postern\n    static_configs: [${target}]\n` +
        `  - job_name: fpm\n    params: { names: [phpfpm] }\n    static_configs: [${target}]\n`,
    );
    await startServer(
      t,
      [
        'prometheus',
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      port,
    );
    const ask = async (query: string): Promise<Answer> => {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
      return (await (await fetch(url)).json()) as Answer;
    };
    const has = async (query: string): Promise<boolean> => {
      const { status, error, data } = await ask(query);
      assert.equal(status, 'success', `${query}: ${error}`);
      return data.result.length > 0;
    };
    // A rate needs two scrapes.
    await until(() => has('count_over_time(postern_info[5m]) > 2'), 'three scrapes');
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const query = expr.replaceAll(/\$(?:instance|pool)/g, '.*').replaceAll('$__rate_interval', '5m');
        if (empty.includes(title)) assert.equal(await has(query), false, title);
        else await until(() => has(query), `${title}: ${query}`);
      }
    }
    for (const query of ['phpfpm_up{pool="php"} == 1', 'phpfpm_total_processes == 2', 'phpfpm_process_state == 1'])
      await until(() => has(query), query);
    const rules = async (): Promise<Rule[]> => {
      const answer = (await (await fetch(`http://127.0.0.1:${port}/api/v1/rules`)).json()) as Rules;
      return answer.data.groups.flatMap((group) => group.rules);
    };
    await until(async () => (await rules()).every(({ health }) => health !== 'unknown'), 'each alert was evaluated');
    assert.deepEqual(
      (await rules()).filter(({ health, state }) => health !== 'ok' || state === 'firing').map(({ name }) => name),
      [],
    );
  });
});

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
}

interface Rules {
  readonly data: { readonly groups: readonly { readonly rules: Rule[] }[] };
}
