// The libraries that answer "Hello": how each program is built and started.

import { buildResponder, responderNeeds } from '../macro/null-responder.ts';
import { runProgram } from '../macro/processes.ts';
import { programPath } from '../macro/program.ts';

/** One library. */
export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Programs, and absolute paths of files, that it cannot run without. */
  readonly needs: readonly string[];
  /** Whether it can serve a second request on a connection. */
  readonly keeps: boolean;
  /** Builds it. @returns the command that listens on a Unix socket */
  command(folder: string, socket: string, signal: AbortSignal): Promise<readonly string[]>;
}

const program = (name: string): string => new URL(`programs/${name}`, import.meta.url).pathname;

/** Everything that is measured; what the others are compared with is the last one. */
export const contenders: readonly Contender[] = [
  ours('response', 'postern/app, fetch with a Response'),
  ours('reply', 'postern/app, fetch with a Reply'),
  ours('respond', 'postern/app, respond'),
  {
    name: 'go',
    title: "Go's net/http/fcgi",
    needs: ['go'],
    keeps: true,
    async command(folder, socket, signal) {
      const env = { GOCACHE: `${folder}/go-cache`, GO111MODULE: 'off', GOPROXY: 'off' };
      const output = `${folder}/hello-go`;
      await runProgram([programPath('go'), 'build', '-o', output, program('hello.go')], { folder, env, signal });
      return [output, socket];
    },
  },
  {
    name: 'libfcgi',
    title: 'libfcgi in C, 8 processes',
    needs: responderNeeds,
    keeps: true,
    // One process serves one connection at a time.
    command: async (folder, socket, signal) => [await buildResponder(folder, signal), socket, '8'],
  },
  {
    name: 'node-fastcgi',
    title: 'node-fastcgi',
    needs: [],
    // The second request on a connection ends its process (ERR_HTTP_SOCKET_ASSIGNED).
    keeps: false,
    command: async (_folder, socket) => [process.execPath, '--no-warnings', program('node-fastcgi.cjs'), socket],
  },
];

function ours(way: string, title: string): Contender {
  return {
    name: `postern-${way}`,
    title,
    needs: [],
    keeps: true,
    command: async (_folder, socket) => [process.execPath, program('postern.ts'), way, '--listen', `unix:${socket}`],
  };
}
