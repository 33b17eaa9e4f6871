// `postern run` as root, with the launcher: what the service is run from, and who it is.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { readProcessStat } from '../../src/worker/process-table.ts';

const checkout = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');

/** Why these tests cannot run here; false: they can. */
export const launcherMissing = process.getuid?.() === 0 ? false : 'only root starts a launcher';

/** Where a checkout is that everybody may read, and its Node. */
export interface Readable {
  readonly root: string;
  readonly node: string;
}

let found: Readable | null = null;

/** This checkout, or a copy of it where others than root cannot read it. The copy is gone with this process. */
export function readableCheckout(): Readable {
  if (found !== null) return found;
  const asNobody = ['--reuid', '65534', '--clear-groups', '--'];
  const isReadable = spawnSync('setpriv', [
    ...asNobody,
    process.execPath,
    '-e',
    `require('fs').readFileSync('${checkout}/src/cli/main.ts')`,
  ]);
  if (isReadable.status === 0) {
    found = { root: checkout, node: process.execPath };
    return found;
  }
  const root = mkdtempSync(join(tmpdir(), 'postern-checkout-'));
  process.once('exit', () => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  for (const name of ['bin', 'src', 'test/fixtures', 'packages', 'package.json', 'node_modules'])
    cpSync(join(checkout, name), join(root, name), { recursive: true, verbatimSymlinks: true });
  execFileSync('chmod', ['-R', 'go+rX', root]);
  const node = process.execPath.startsWith(`${checkout}/`)
    ? process.execPath.replace(checkout, root)
    : process.execPath;
  found = { root, node };
  return found;
}

/** A folder that everybody may enter; it goes away with the test. */
export function openFolder(t: { after: TestContext['after'] }): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-launcher-'));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'public'));
  return folder;
}

/** The service of a launcher: 0 while there is none. */
export function serviceOf(launcher: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readProcessStat(pid)?.parent === launcher);
  return children.find((pid) => titleOf(pid).startsWith('postern: service')) ?? 0;
}

/** What /proc tells of a process. */
export function rightsOf(pid: number): { readonly uids: readonly string[]; readonly capabilities: bigint } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const uids = /^Uid:\s+(.*)$/m.exec(status)![1]!.split('\t');
  const sets = [...status.matchAll(/^Cap(?:Inh|Prm|Eff|Bnd|Amb):\s+([0-9a-f]+)$/gm)].map((one) =>
    BigInt(`0x${one[1]}`),
  );
  return { uids, capabilities: sets.reduce((all, one) => all | one, 0n) };
}

/** Processes that have the end at a port of a connection with a client, by the system's tables. Others may have the port at another end. */
export function holdersOf(port: number, client: number): number[] {
  const endsWith = (address: string | undefined, number: number): boolean =>
    address?.endsWith(`:${number.toString(16).toUpperCase().padStart(4, '0')}`) ?? false;
  const inodes = new Set(
    readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, remote, state]) => endsWith(local, port) && endsWith(remote, client) && state === '01')
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => linksOf(pid).some((link) => inodes.has(link)));
}

function linksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`));
  } catch {
    return []; // it is gone
  }
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
