// The null responder: compiled by the bench, started by it for the servers that only connect.

import { existsSync } from 'node:fs';
import { logFileOf } from './peer.ts';
import { type Processes, runProgram } from './processes.ts';
import { programPath } from './program.ts';
import type { Stack } from './stack.ts';

/** What it needs to be built. */
export const responderNeeds = ['cc', '/usr/include/fcgiapp.h'];

const source = new URL('null-responder.c', import.meta.url).pathname;

/** Compiles the responder into `folder`; returns the program's path. */
export async function buildResponder(folder: string, signal: AbortSignal): Promise<string> {
  const program = `${folder}/null-responder`;
  if (!existsSync(program)) {
    await runProgram([programPath('cc'), '-O2', '-o', program, source, '-lfcgi'], { folder, signal });
  }
  return program;
}

/** Starts as many responders as the stack has workers, on one socket; returns the pid of their parent. */
export function startResponder(program: string, stack: Stack, processes: Processes): number {
  const command = [program, responderSocket(stack), String(stack.workers)];
  return processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) });
}

/** Where the responders listen. */
export function responderSocket(stack: Stack): string {
  return `${stack.folder}/null.sock`;
}
