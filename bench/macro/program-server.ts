// What stands behind the servers that only connect: PHP-FPM, or in the case that asks for it the null responder.

import { responderSocket, startResponder } from './null-responder.ts';
import { fpmSocket, startFpm } from './php-fpm.ts';
import type { Processes } from './processes.ts';
import type { Stack } from './stack.ts';

/** Starts it; returns the pid at the top of its tree. */
export function startProgramServer(stack: Stack, processes: Processes): number {
  return stack.responder === null ? startFpm(stack, processes) : startResponder(stack.responder, stack, processes);
}

/** Where it listens, once it is there. */
export function programSocket(stack: Stack): string {
  return stack.responder === null ? fpmSocket(stack) : responderSocket(stack);
}
