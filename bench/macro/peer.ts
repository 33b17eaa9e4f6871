// One way of putting PHP on the web: how it is started for a case, and how to tell when it answers.

import { existsSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Processes } from './processes.ts';
import type { Stack } from './stack.ts';

/** A server with the PHP behind it. */
export interface Peer {
  /** What it is called on the command line. */
  readonly name: string;
  readonly title: string;
  /** Programs, and absolute paths of files, that it cannot run without. */
  readonly needs: readonly string[];
  /** Whether a case that names no peers is run without it. @default false */
  readonly isOnlyWhereNamed?: boolean;
  /** The socket of a program that the peer does not start itself: it is ready when that is there. @default none */
  socket?(stack: Stack): string;
  /** Writes the configuration into `stack.folder` and starts every process; returns their pids. */
  start(stack: Stack, processes: Processes): number[];
}

/** A peer that answers. */
export interface RunningPeer {
  readonly peer: Peer;
  readonly stack: Stack;
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** The processes at the top of its trees. */
  readonly roots: readonly number[];
  /** From the command to the first good answer. */
  readonly readyMs: number;
}

const startLimitMs = 20_000;

/** Starts a peer and waits until `path` is answered with 200. */
export async function startPeer(
  peer: Peer,
  stack: Stack,
  processes: Processes,
  path: string,
  signal: AbortSignal,
): Promise<RunningPeer> {
  const began = performance.now();
  const roots = peer.start(stack, processes);
  const origin = `http://127.0.0.1:${stack.port}`;
  let last = 'nothing';
  while (performance.now() - began < startLimitMs) {
    signal.throwIfAborted();
    const socket = peer.socket?.(stack);
    last = socket === undefined || existsSync(socket) ? await firstLine(origin + path) : `${socket} is not there`;
    if (last === '200') return { peer, stack, origin, roots, readyMs: performance.now() - began };
    if (!roots.every((pid) => processes.isRunning(pid))) break;
    await sleep(2);
  }
  throw new Error(`${peer.name} did not answer ${path} (last: ${last})\n${logTail(stack.folder)}`);
}

/** Stops what `startPeer` started. */
export async function stopPeer(running: RunningPeer, processes: Processes): Promise<void> {
  for (const pid of running.roots) await processes.stop(pid);
}

/** Where a peer's own words go. */
export function logFileOf(stack: Stack): string {
  return `${stack.folder}/output.log`;
}

/** The status that a GET was answered with, or why there was none. */
function firstLine(url: string): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 10_000 }, (response) => {
      response.resume();
      response.on('close', () => resolve(String(response.statusCode)));
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
    request.on('error', (error) => resolve(error.message));
  });
}

function logTail(folder: string): string {
  const names = ['output.log', 'error.log', 'php-fpm.log'];
  return names.map((name) => `${name}: ${lastLines(`${folder}/${name}`)}`).join('\n');
}

function lastLines(path: string): string {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(-12).join('\n  ');
  } catch {
    return '(none)';
  }
}
