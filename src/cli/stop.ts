// `postern stop`: asks the running service to finish its requests and end.

import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import { PosternError } from '../errors.ts';
import { addInstanceOptions, instanceOf } from './instance-options.ts';
import type { Terminal } from './terminal.ts';

/** Adds the command. */
export function addStop(program: Command, { out }: Terminal): void {
  addInstanceOptions(program.command('stop'))
    .description('have the running service finish its requests and end')
    .action(async (options: { config?: string; pid?: number }) => {
      const { socket, status } = await instanceOf(options);
      const { askStop } = await import('../service/control.ts');
      await askStop(socket);
      await gone(socket, 120_000);
      out.write(`the service with pid ${status.pid} has ended\n`);
    });
}

/** Waits until nobody answers on the control socket. */
async function gone(socket: string, limitMs: number): Promise<void> {
  const { askStatus } = await import('../service/control.ts');
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 50) {
    const isThere = await askStatus(socket, 2_000).then(
      () => true,
      () => false,
    );
    if (!isThere) return;
    await wait(50);
  }
  throw new PosternError('NOT_RUNNING', `the service is still stopping after ${limitMs / 1000} s: see postern status`);
}
