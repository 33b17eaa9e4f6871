// FastCGI applications of other libraries and languages, all of which do what their query string says: hello, echo (the body),
// big (1 MB), tell (on STDERR) and die (100 KB into the answer).

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './folder.ts';

/** A program that listens on its fd 0. */
export interface SpawnedApplication {
  /** Of a pool and of its path: letters and digits. */
  readonly name: string;
  readonly title: string;
  /** Why it cannot be run here; null: it can. */
  readonly lacks: string | null;
  /** Builds it, where that is needed. @returns its command */
  command(folder: string): string[];
  /** Whether what it tells on STDERR goes with the request; else it comes from the process. */
  readonly hasStderr: boolean;
  /** Whether it can serve a second request on a connection. */
  readonly keeps: boolean;
}

/** The path of one of them. */
export const applicationFile = (name: string): string =>
  new URL(`../fixtures/applications/${name}`, import.meta.url).pathname;

const perl = findProgram('perl');
const go = findProgram('go');
const compiler = findProgram('cc');

/** All of them. */
export const spawnedApplications: readonly SpawnedApplication[] = [
  {
    name: 'libfcgi',
    title: 'a C program of libfcgi',
    lacks: compiler === null || !existsSync('/usr/include/fcgiapp.h') ? 'cc or libfcgi-dev is not installed' : null,
    command(folder) {
      const program = join(folder, 'responder-c');
      execFileSync(compiler!, ['-O2', '-o', program, applicationFile('responder.c'), '-lfcgi']);
      return [program];
    },
    hasStderr: true,
    keeps: true,
  },
  {
    name: 'fcgi',
    title: "a program of Perl's FCGI",
    lacks: lacksModule('FCGI'),
    command: () => [perl!, applicationFile('responder.fcgi.pl')],
    hasStderr: true,
    keeps: true,
  },
  {
    name: 'cgifast',
    title: "a program of Perl's CGI::Fast",
    lacks: lacksModule('CGI::Fast'),
    command: () => [perl!, applicationFile('responder.cgi-fast.pl')],
    hasStderr: true,
    keeps: true,
  },
  {
    name: 'go',
    title: "a program of Go's net/http/fcgi",
    lacks: go === null ? 'go is not installed' : null,
    command(folder) {
      const program = join(folder, 'responder-go');
      const env = { ...process.env, GOCACHE: join(folder, 'cache'), GO111MODULE: 'off', GOPROXY: 'off' };
      execFileSync(go!, ['build', '-o', program, applicationFile('responder.go')], { env });
      return [program];
    },
    hasStderr: false,
    keeps: true,
  },
  {
    name: 'nodefastcgi',
    title: 'a program of node-fastcgi',
    lacks: null,
    command: () => [process.execPath, '--no-warnings', applicationFile('responder.node-fastcgi.cjs')],
    hasStderr: false,
    // It gives one socket to two responses, and Node ends its process for that (ERR_HTTP_SOCKET_ASSIGNED).
    keeps: false,
  },
  {
    name: 'postern',
    title: 'an application of postern/app',
    lacks: null,
    command: () => [process.execPath, applicationFile('responder.ts')],
    hasStderr: true,
    keeps: true,
  },
];

function lacksModule(name: string): string | null {
  if (perl === null) return 'perl is not installed';
  return spawnSync(perl, [`-M${name}`, '-e', '1']).status === 0 ? null : `Perl's module ${name} is not installed`;
}
