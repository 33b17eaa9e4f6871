// What `check` says of a pool's PHP beyond that it starts: its opcode cache, what it buffers, where it writes, and the memory that its workers may take.

import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { formatCount, formatSize } from '../admin/formatting.ts';
import type { PoolPlan } from '../backend/plan.ts';
import type { Config } from '../config/config.ts';
import { iniBytes, isOn, type PhpSettings, phpSettings } from '../php/php-settings.ts';
import { programPath } from '../worker/program.ts';
import { findSetpriv } from '../worker/spawner.ts';
import { Users } from '../worker/user.ts';
import { filesBelow } from './files-below.ts';
import { type Finding, failed, fine, note } from './finding.ts';

/** The settings of the pools that have a php-cgi, by the pool's name. */
export type SettingsOfPools = ReadonlyMap<string, PhpSettings>;

/** Asks each PHP, one after another, as the user who will run it. */
export async function settingsOfPools(plans: readonly PoolPlan[], { values }: Config): Promise<SettingsOfPools> {
  const found = new Map<string, PhpSettings>();
  for (const plan of plans) {
    const pool = values.pool[plan.name];
    if (plan.kind !== 'workers' || plan.php?.kind !== 'cgi' || pool?.kind !== 'php') continue;
    const command = [...(await asUser(pool.user ?? null)), plan.php.path];
    const settings = await phpSettings({ command, ini: pool.ini, env: { PATH: programPath, ...pool.env } });
    if (settings !== null) found.set(plan.name, settings);
  }
  return found;
}

async function asUser(user: string | null): Promise<string[]> {
  if (user === null || process.getuid?.() !== 0) return [];
  const setpriv = findSetpriv();
  const account = new Users().accountOf(user);
  if (setpriv === null || account === null) return [];
  return [setpriv, '--reuid', user, '--regid', account.group, '--init-groups', '--'];
}

/** What is to be said of one PHP. */
export function settingFindings(name: string, settings: PhpSettings, config: Config): Finding[] {
  const subject = `pool ${name}`;
  const findings = [cacheFinding(subject, settings, scriptsOf(name, config)), bufferFinding(subject, settings)];
  for (const [setting, folder] of settings.unwritable) {
    const user = config.values.pool[name]?.kind === 'php' ? (config.values.pool[name].user ?? null) : null;
    const who = user === null ? 'its user' : `user ${user}`;
    findings.push(
      failed(
        subject,
        `${who} cannot write to ${folder} (${setting})`,
        `give ${who} the folder, or name another: ini = { "${setting}" = "/path" } in [pool.${name}]`,
      ),
    );
  }
  return findings.filter((one) => one !== null);
}

interface Scripts {
  readonly count: number;
  readonly bytes: number;
}

/** What WordPress and DokuWiki take of the cache for a byte of their scripts, measured with PHP 8.2. */
const cacheBytesOfSourceByte = 2.2;
const mebibyte = 1_048_576;

function cacheFinding(subject: string, { values }: PhpSettings, { count, bytes }: Scripts): Finding {
  const told = (message: string, mend: string): Finding => note(subject, message, mend);
  const enabled = values.get('opcache.enable');
  if (enabled === undefined)
    return told(
      'it has no opcode cache: each request compiles its scripts anew',
      'install the extension (Debian: apt install php-opcache), or load it: ini = { zend_extension = "opcache" }',
    );
  if (!isOn(enabled))
    return told('its opcode cache is off: each request compiles its scripts anew', 'ini = { "opcache.enable" = true }');
  const memory = Number(values.get('opcache.memory_consumption')) * mebibyte;
  const most = Number(values.get('opcache.max_accelerated_files'));
  const wanted = bytes * cacheBytesOfSourceByte;
  const below = `${count === 1 ? '1 script' : `${formatCount(count)} scripts`} of ${formatSize(bytes)} below its roots`;
  if (count > most)
    return told(
      `its opcode cache takes ${formatCount(most)} scripts, and ${below}`,
      `ini = { "opcache.max_accelerated_files" = ${roundedUp(count * 1.2, 10_000)} }`,
    );
  if (wanted > memory)
    return told(
      `its opcode cache has ${formatSize(memory)}, and ${below}, which may take ${formatSize(wanted)} of it`,
      `ini = { "opcache.memory_consumption" = ${roundedUp((wanted * 1.2) / mebibyte, 64)} }`,
    );
  return fine(subject, `opcode cache on, ${formatSize(memory)}: ${below}`);
}

const roundedUp = (value: number, step: number): number => Math.ceil(value / step) * step;

function scriptsOf(name: string, { values, folder }: Config): Scripts {
  const pool = values.pool[name];
  const extensions = pool?.kind === 'php' ? pool.extensions : [];
  const roots = new Set(
    Object.values(values.site).flatMap((site) =>
      site.route.flatMap((route) => {
        if (route.kind !== 'pool' || route.pool !== name) return [];
        const own = 'root' in route && typeof route.root === 'string' ? route.root : site.root;
        return [resolve(folder, own)];
      }),
    ),
  );
  let count = 0;
  let bytes = 0;
  for (const root of roots) {
    for (const file of filesBelow(root)) {
      if (!extensions.some((one) => file.path.toLowerCase().endsWith(one.toLowerCase()))) continue;
      count += 1;
      bytes += file.bytes();
    }
  }
  return { count, bytes };
}

function bufferFinding(subject: string, { values }: PhpSettings): Finding | null {
  const buffering = values.get('output_buffering');
  if (!isOn(buffering)) return null;
  return note(
    subject,
    `output_buffering = ${buffering}: flush() alone sends nothing, so streams and progress come late`,
    'for a site that streams: ini = { output_buffering = 0 }; else leave it',
  );
}

/** Whether the workers of all pools fit into this machine, should each use what it may. */
export function memoryFindings(plans: readonly PoolPlan[], settings: SettingsOfPools): Finding[] {
  const parts: string[] = [];
  const unlimited: string[] = [];
  let sum = 0;
  for (const { name, limits } of plans) {
    const limit = settings.get(name)?.values.get('memory_limit');
    const bytes = limit === undefined ? null : iniBytes(limit);
    if (bytes === null) continue;
    if (bytes < 0) unlimited.push(name);
    else {
      sum += bytes * limits.workers;
      parts.push(`${limits.workers} workers of pool ${name} x memory_limit ${limit}`);
    }
  }
  const subject = 'memory';
  const findings = unlimited.map((name) =>
    note(
      subject,
      `pool ${name} has no memory_limit: one script may take all of this machine's memory`,
      `ini = { memory_limit = "128M" } in [pool.${name}]`,
    ),
  );
  if (parts.length === 0) return findings;
  const here = machineBytes();
  const message = `${parts.join(' and ')}: ${formatSize(sum)} of the ${formatSize(here)} here`;
  const mend = 'fewer workers, a smaller memory_limit, or maxMemory, which replaces a worker that has grown';
  return [...findings, sum > here ? note(subject, message, mend) : fine(subject, message)];
}

/** What this machine has, or its container may use. */
function machineBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
