// Tells of processes that ended by themselves, and of the requests that they took with them: one line of the log each.

import type { Log } from '../log.ts';
import { formatExit } from '../worker/exit.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import { glimpseExit, isGone } from '../worker/process-table.ts';
import type { Crew, LostRequest } from './generation.ts';
import type { Scoreboard } from './scoreboard.ts';

/** The process that has the request of a lane; 0: none has, since the probe was not answered yet. */
export function runnerOf(lane: Lane, { worker }: Crew): number {
  return worker.program.preforks ? (lane.process?.pid ?? 0) : worker.pid;
}

/**
 * The connection of a lane broke under its request. It is told at once, or when the worker's exit is known.
 * @param then what becomes of the request, in words
 */
export function noteLostRequest(board: Scoreboard, lane: Lane, crew: Crew, then: string, log: Log): void {
  const { slot } = lane;
  const { preforks } = crew.worker.program;
  const pid = runnerOf(lane, crew);
  if (pid === 0) return;
  const ranMs = Math.round(board.columns.ranMs[slot]!);
  crew.lostRequests.push({ pid, method: board.method(slot), url: board.url(slot), ranMs, then });
  if (preforks || crew.worker.hasExited) tellLostRequests(crew, log);
}

/** Tells of the requests that were noted. */
export function tellLostRequests(crew: Crew, log: Log): void {
  for (const lost of crew.lostRequests.splice(0)) tellLostRequest(crew, lost, log);
}

function tellLostRequest(crew: Crew, lost: LostRequest, log: Log): void {
  const { program, number: generation } = crew.generation;
  const { pid, method, url, ranMs: durationMs, then } = lost;
  const exit = program.preforks ? glimpseExit(pid) : crew.worker.exit;
  const isAlive = program.preforks && exit?.code === null && exit.signal === null && !isGone(pid);
  const what = isAlive ? 'broke its connection' : `ended (${exit ? formatExit(exit) : crew.worker.ending})`;
  log.warn(
    { pool: program.name, pid, signal: exit?.signal, status: exit?.code, method, url, durationMs, generation },
    `process ${pid} ${what} while it ran ${method} ${url}, after ${durationMs} ms: ${then}`,
  );
}

/** A worker has ended that nobody had asked to. */
export function tellExit(crew: Crew, log: Log): void {
  const { program, number: generation } = crew.generation;
  const { pid, ending } = crew.worker;
  const fields = { pool: program.name, pid, generation };
  if (crew.hasWorked)
    log.warn(fields, `process ${pid} ended by itself (${ending}): another is started when it is needed`);
  // The pool tells of a program that does not start, once for each change.
  else log.debug(fields, `process ${pid} ended before it had worked (${ending})`);
}

/** A preforked child has ended that had no request. */
export function tellIdleExit(crew: Crew, process: LaneProcess, how: string, log: Log): void {
  const { program, number: generation } = crew.generation;
  log.warn(
    { pool: program.name, pid: process.pid, generation },
    `idle process ${process.pid} ended (${how}): another takes its place`,
  );
}

/** A worker's socket leads nowhere: its file is gone, or its process hangs. */
export function tellUnreachable(crew: Crew, log: Log): void {
  const { program, number: generation } = crew.generation;
  const { pid } = crew.worker;
  log.warn({ pool: program.name, pid, generation }, `process ${pid} takes no connections any more: it is replaced`);
}
