// `postern status --watch`, which is `postern top`, on a real terminal: it moves, follows keys and the size of the window, and gives the terminal back.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { type PosternProcess, postern, startPostern } from '../support/postern-process.ts';
import { type PseudoTerminal, startOnTerminal, terminalMissing } from '../support/pseudo-terminal.ts';
import { until } from '../support/until.ts';

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;
const phpMissing = findProgram('php-cgi') === null ? 'php-cgi is not installed' : false;
const skip = terminalMissing || phpMissing;
const command = `${process.execPath} ${entry}`;

interface Watched {
  readonly runtime: string;
  readonly service: PosternProcess;
  readonly url: string;
  /** Starts a command, and tells afterwards how it has left the terminal. */
  readonly watch: (args?: string) => PseudoTerminal;
}

async function start(t: TestContext): Promise<Watched> {
  const runtime = temporaryFolder(t);
  const site = join(runtime, 'site');
  mkdirSync(site);
  writeFileSync(join(site, 'slow.php'), '<?php sleep(600);');
  writeFileSync(join(site, 'index.php'), '<?php echo "hello";');
  const service = startPostern(t, runtime, ['serve', site, '--port', '0', '--admin', '127.0.0.1:0', '--workers', '3']);
  const url = (await service.wrote(/site +(http:\S+)/))[1]!;
  const watch = (args = 'top --interval 0.2'): PseudoTerminal =>
    startOnTerminal(t, `${command} ${args}; echo "left with $?"; stty -a`, { POSTERN_RUNTIME_DIR: runtime });
  return { runtime, service, url, watch };
}

/** The window, the cursor and the keys are as they were. */
async function isGivenBack(terminal: PseudoTerminal, left: RegExp): Promise<void> {
  await until(
    () => /left with \d+[\s\S]*echonl/.test(terminal.output()),
    () => JSON.stringify(terminal.output().slice(-3_000)),
  );
  const output = terminal.output();
  assert.match(output, left);
  const after = output.slice(output.lastIndexOf('\x1b[?2026l'));
  assert.match(after, /\x1b\[\?7h\x1b\[\?25h\x1b\[\?1049l[\s\S]*left with/);
  assert.match(after, /[ ;]icanon/);
  assert.match(after, /[ ;]echo[ ;]/);
}

describe('postern top', { skip }, () => {
  it('shows what runs now, filters, sorts, pauses, and leaves the terminal as it was', async (t) => {
    const { url, watch } = await start(t);
    const leaving = new AbortController();
    t.after(() => leaving.abort());
    const terminal = watch();
    await terminal.shows(
      /^Postern \S+ {2}ready {2}pid \d+, up .*\n[\s\S]*0 busy of 3[\s\S]*q quit {2}p pause {2}s sort: time/,
    );
    fetch(`${url}slow.php?a=1`, { signal: leaving.signal }).catch(() => {});
    await terminal.shows(/1 busy of 3[\s\S]*busy +.* s .*GET \/slow\.php\?a=1/);
    await fetch(url);
    await terminal.shows(/idle +.*GET \/\n/);
    terminal.press('/slow');
    await terminal.shows(/filter: slow_/);
    terminal.press('\r');
    await terminal.shows(/\/ filter: slow/);
    await until(() => !/GET \/\n/.test(terminal.screen()));
    terminal.press('\x1b');
    await terminal.shows(/GET \/\n/);
    terminal.press('s');
    await terminal.shows(/s sort: state/);
    terminal.press('r');
    await terminal.shows(/s sort: state, reversed/);
    terminal.press('p');
    await terminal.shows(/ready {2}paused[\s\S]*p go on/);
    terminal.press(' ');
    await terminal.shows(/p pause/);
    terminal.press('q');
    await isGivenBack(terminal, /left with 0/);
  });

  it('is sized to the window, and follows it', async (t) => {
    const { watch } = await start(t);
    const terminal = watch('status --watch --interval 0.2');
    const fits = (rows: number, columns: number) => (): boolean => {
      const lines = terminal.screen().split('\n');
      return lines.length === rows && lines.every((line) => line.length <= columns);
    };
    await until(fits(24, 100), () => terminal.screen());
    terminal.resize(40, 160);
    await until(fits(40, 160), () => terminal.screen());
    terminal.resize(8, 50);
    await until(fits(8, 50), () => terminal.screen());
    assert.match(terminal.screen(), /q quit/);
    terminal.press('\x03');
    await isGivenBack(terminal, /left with 0/);
  });

  for (const [signal, status] of [
    ['TERM', 143],
    ['HUP', 129],
    ['INT', 130],
  ] as const) {
    it(`gives the terminal back when it is ended by SIG${signal}`, async (t) => {
      const { runtime } = await start(t);
      const terminal = startOnTerminal(
        t,
        `sh -c 'echo $$ > ${runtime}/pid; exec ${command} top --interval 0.2'; echo "left with $?"; stty -a`,
        { POSTERN_RUNTIME_DIR: runtime },
      );
      await terminal.shows(/q quit/);
      execFileSync('sh', ['-c', `kill -${signal} $(cat ${runtime}/pid)`]);
      await isGivenBack(terminal, new RegExp(`left with ${status}`));
    });
  }

  it('goes on when the service does, and says so meanwhile', async (t) => {
    const { runtime, service, watch } = await start(t);
    const terminal = watch();
    await terminal.shows(/ready/);
    service.child.kill('SIGTERM');
    await service.ended();
    await terminal.shows(/no service .*runs under this user.*: trying again/);
    const again = startPostern(t, runtime, ['serve', join(runtime, 'site'), '--port', '0', '--admin', '127.0.0.1:0']);
    await again.wrote(/site +http/);
    await terminal.shows(new RegExp(`pid ${again.pid}, up`));
    terminal.press('q');
    await isGivenBack(terminal, /left with 0/);
  });

  it('stops as Ctrl-Z has it, with the terminal given back, and takes it again', async (t) => {
    const { runtime } = await start(t);
    const terminal = startOnTerminal(
      t,
      `set -m; ${command} top --interval 0.2; echo "stopped with $?"; stty -a; fg; echo "left with $?"; stty -a`,
      { POSTERN_RUNTIME_DIR: runtime },
    );
    await terminal.shows(/q quit/);
    terminal.press('\x1a');
    await until(() => /stopped with 148[\s\S]*\sicanon[\s\S]*\x1b\[\?1049h/.test(terminal.output()), terminal.output);
    await terminal.shows(/q quit/);
    terminal.press('q');
    await isGivenBack(terminal, /left with 0/);
  });

  it('ends when its terminal is gone', async (t) => {
    const { runtime } = await start(t);
    const terminal = startOnTerminal(t, `echo $$ > ${runtime}/pid; exec ${command} top --interval 0.2`, {
      POSTERN_RUNTIME_DIR: runtime,
    });
    await terminal.shows(/q quit/);
    const pid = execFileSync('cat', [`${runtime}/pid`], { encoding: 'utf8' }).trim();
    terminal.hangUp();
    await until(() => {
      try {
        process.kill(Number(pid), 0);
        return false;
      } catch {
        return true;
      }
    });
  });
});

describe('postern status --watch without a terminal', { skip: phpMissing }, () => {
  it('says that it needs one, and prints a line of JSON for each look with --json', async (t) => {
    const { runtime } = await start(t);
    const refused = await postern(t, runtime, ['status', '--watch']);
    assert.equal(refused.status, 2);
    assert.match(refused.err, /^postern: --watch draws on a terminal, and this is none: add --json/);
    const lines = startPostern(t, runtime, ['top', '--json', '--interval', '0.1']);
    await until(() => lines.out().split('\n').length > 3);
    for (const line of lines.out().split('\n').slice(0, 3)) assert.equal(JSON.parse(line).state, 'running');
    lines.child.stdout!.destroy();
    await lines.ended();
  });
});
