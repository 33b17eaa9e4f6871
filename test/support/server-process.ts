// A server program of the system in the foreground, on a free port, from a configuration of its own; gone with the test.

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import { findProgram } from './folder.ts';

/** Starts a program and waits until it listens. @throws with what it printed, when it does not */
export async function startServer(
  t: { after: TestContext['after'] },
  command: readonly [string, ...string[]],
  port: number | string,
): Promise<{ readonly pid: number; readonly output: () => string }> {
  const child = spawn(findProgram(command[0]!) ?? command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk));
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      isOver = true;
      resolve();
    });
    child.on('close', () => {
      isOver = true;
      resolve();
    });
  });
  t.after(async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
  });
  for (let turn = 0; !(await answers(port)); turn += 1) {
    if (isOver || turn > 200) throw new Error(`${command[0]} does not listen on ${port}: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { pid: child.pid!, output: () => output };
}

/** Below those that the kernel gives to a connection: none can have taken one meanwhile. */
const lowestPort = 20_000;
const portCount = 12_000;

/** A port of 127.0.0.1 that nothing listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowestPort + randomInt(portCount);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.on('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

function answers(port: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = typeof port === 'number' ? connect(port, '127.0.0.1') : connect(port);
    socket.on('connect', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
