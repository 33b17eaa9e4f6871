// What the bench ran on, in words.

import { execFileSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { findProgram } from './program.ts';

const versionArguments: Readonly<Record<string, readonly string[]>> = {
  'php-cgi': ['-v'],
  nginx: ['-v'],
  apache2: ['-v'],
  lighttpd: ['-v'],
  caddy: ['version'],
};

/** Cores, memory, kernel, the versions of all that is compared, and whether something else ran at the start. */
export function describeMachine(): string {
  const cores = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const programs = Object.entries(versionArguments).map(([name, args]) => versionOf(name, args));
  const load = `load average ${loadavg()[0]!.toFixed(1)} at the start`;
  const parts = [`${cores.length} x ${cores[0]?.model.trim()}`, memory, load, `Linux ${release()}`];
  return [...parts, `Node ${process.versions.node}`, ...programs.filter((text) => text !== null)].join(', ');
}

/** The first version number that a program tells; null: not installed, or it tells none. */
function versionOf(name: string, args: readonly string[]): string | null {
  const program = findProgram(name);
  if (program === null) return null;
  try {
    // nginx tells on stderr.
    const text = execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', program, ...args], { encoding: 'utf8' });
    const version = /\d+\.\d+\.\d+/.exec(text)?.[0];
    return version === undefined ? null : `${name} ${version}`;
  } catch {
    return null;
  }
}
