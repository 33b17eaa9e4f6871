// kill -9 of the manager: nothing that it had started is left, though no other manager comes; whatever session it went to.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isGone, readProcessStat } from '../../../src/worker/process-table.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { descendants } from '../../support/process-tree.ts';
import { until } from '../../support/until.ts';

const cgiPool =
  '[[site.main.route]]\nmatch = "/cgi-bin/*"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n[[site.main.route]]\nmatch = "/app"\npool = "app"\n' +
  '[pool.app]\ncommand = ["/bin/sh", "app.sh"]\nallowRoot = true\n';

/** Says its pid, ignores SIGTERM, and stays. */
const stays = (name: string): string =>
  `trap "" TERM; echo $$ > ${name}.tmp; mv ${name}.tmp ${name}; while :; do sleep 1; done`;

/** A pid that a program has written into a file. */
async function pidIn(path: string): Promise<number> {
  const pid = (): number => {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      return 0;
    }
  };
  await until(() => pid() > 0, `${path} is there`);
  return pid();
}

describe('kill -9 of the manager', { skip: phpMissing }, () => {
  for (const threads of [1, 2]) {
    it(`ends CGI programs, php-cgi and a program that ignores SIGTERM, with what they started in other sessions; front threads: ${threads}`, async (t) => {
      const folder = temporaryFolder(t);
      mkdirSync(join(folder, 'public/cgi-bin'), { recursive: true });
      const inner = join(folder, 'inner.php');
      writeFileSync(inner, `<?php file_put_contents('${folder}/inner', getmypid()); for (;;) sleep(1);`);
      writeFileSync(join(folder, 'app.sh'), `${stays(`${folder}/app`)}\n`);
      writeFileSync(
        join(folder, 'public/cgi-bin/leaves.sh'),
        `#!/bin/sh\nsetsid sh -c '${stays(`${folder}/left`)}' < /dev/null > /dev/null 2>&1 &\n${stays(`${folder}/cgi`)}\n`,
        { mode: 0o755 },
      );
      const php = `exec('setsid ${findProgram('php-cgi')} -f ${inner} < /dev/null > /dev/null 2>&1 &');`;
      const files = {
        'outer.php': `<?php ${php} file_put_contents('${folder}/outer', getmypid()); for (;;) sleep(1);`,
      };
      const more = `${cgiPool}[service]\nthreads = ${threads}\n`;
      const service = await PhpService.start(t, { folder, files, more });
      const requests = ['outer.php', 'cgi-bin/leaves.sh'].map((path) => service.get(path).catch(() => null));
      const names = ['inner', 'outer', 'left', 'cgi', 'app'];
      const pids = await Promise.all(names.map((name) => pidIn(join(folder, name))));
      const [inside, outside, left] = pids as [number, number, number];
      assert.equal(readProcessStat(left)!.session, left);
      assert.notEqual(readProcessStat(inside)!.session, readProcessStat(outside)!.session);
      const below = descendants(service.postern.pid);
      service.postern.child.kill('SIGKILL');
      await until(() => [...pids, ...below].every(isGone), 'nothing is left, not even the guard');
      await Promise.all(requests);
    });
  }

  it('ends what has cleared its environment and ignores SIGTERM, in a session of its own, too', async (t) => {
    if (findProgram('prlimit') === null) return t.skip('prlimit is not installed');
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public/cgi-bin'), { recursive: true });
    writeFileSync(join(folder, 'stays.sh'), `${stays('"$1"')}\n`);
    const cleared = (name: string): string => `env -i /bin/sh ${folder}/stays.sh ${folder}/${name}`;
    writeFileSync(
      join(folder, 'public/cgi-bin/clears.sh'),
      `#!/bin/sh\nsetsid ${cleared('left')} < /dev/null > /dev/null 2>&1 &\nexec ${cleared('cgi')}\n`,
      { mode: 0o755 },
    );
    writeFileSync(join(folder, 'app.sh'), 'exec sleep 300\n');
    const service = await PhpService.start(t, { folder, files: {}, more: cgiPool });
    const request = service.get('cgi-bin/clears.sh').catch(() => null);
    const pids = await Promise.all(['left', 'cgi'].map((name) => pidIn(join(folder, name))));
    for (const pid of pids) assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /POSTERN_MARK/);
    const below = descendants(service.postern.pid);
    service.postern.child.kill('SIGKILL');
    await until(() => [...pids, ...below].every(isGone), 'nothing is left, not even the guard');
    await request;
  });

  it('a guard that was ended is started again with the next program', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public/cgi-bin'), { recursive: true });
    writeFileSync(join(folder, 'public/cgi-bin/ok.sh'), '#!/bin/sh\nprintf "\\n$POSTERN_MARK"\n', { mode: 0o755 });
    writeFileSync(join(folder, 'app.sh'), 'exec sleep 300\n');
    const service = await PhpService.start(t, { folder, files: {}, more: cgiPool });
    const mark = await service.text('cgi-bin/ok.sh');
    assert.match(mark, /^[0-9a-f]{32}$/);
    const guards = (): number[] =>
      descendants(service.postern.pid).filter((pid) =>
        commandOf(pid).includes(`postern-guard\0POSTERN_MARK=${mark}\0`),
      );
    const [guard] = guards();
    process.kill(guard!, 'SIGKILL');
    await until(() => guards().length === 0, 'it has ended');
    // The exit may be told after the next program has started.
    await until(async () => {
      await service.text('cgi-bin/ok.sh');
      return guards().length === 1;
    }, 'another one stands by');
  });

  it('what a program left in a session of its own goes on when the manager ends in order', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public/cgi-bin'), { recursive: true });
    const left = `setsid sh -c '${stays(`${folder}/left`)}' < /dev/null > /dev/null 2>&1 &`;
    writeFileSync(join(folder, 'public/cgi-bin/ok.sh'), `#!/bin/sh\n${left}\nprintf "\\nok"\n`, { mode: 0o755 });
    writeFileSync(join(folder, 'app.sh'), 'exec sleep 300\n');
    const service = await PhpService.start(t, { folder, files: {}, more: cgiPool });
    assert.equal(await service.text('cgi-bin/ok.sh'), 'ok');
    const pid = await pidIn(join(folder, 'left'));
    t.after(() => process.kill(pid, 'SIGKILL'));
    const below = descendants(service.postern.pid).filter((one) => one !== pid);
    service.postern.child.kill('SIGTERM');
    assert.equal((await service.postern.ended()).status, 0);
    assert.deepEqual(
      below.filter((one) => !isGone(one)),
      [],
    );
    assert.ok(!isGone(pid));
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
