// Puts what a pool does into words of the log: one line for each thing that an operator should know.

import type { EndedRequest } from '../connection/client-exchange.ts';
import type { Log } from '../log.ts';
import { type Exit, formatExit } from '../worker/exit.ts';
import type { Told } from './pool-state.ts';

/** Tells the log. */
export function tell(log: Log, name: string, what: Told, nowMs: number): void {
  switch (what.kind) {
    case 'lost': {
      const { pid, method, url, ranMs: durationMs, exit, isOutOfMemory, isAgain } = what.lost;
      const { number: generation } = what.worker.generation;
      // A worker's own end is told to us: an end that was not seen is that of a child which cannot be known.
      const isChild = exit !== null && exit.code === null && exit.signal === null && pid === what.worker.pid;
      const who = isChild ? `a child of process ${pid}` : `process ${pid}`;
      const parent = isChild ? 0 : what.worker.pid;
      const how = exit === null ? 'broke its connection' : `ended (${howOf(exit, isOutOfMemory, parent)})`;
      const next = isAgain ? 'the request is run again, by another' : 'the request failed';
      log.warn(
        { pool: name, pid, signal: exit?.signal, status: exit?.code, method, url, durationMs, generation },
        `${who} ${how} while it ran ${method} ${url}, after ${durationMs} ms: ${next}`,
      );
      return;
    }
    case 'exited': {
      const { worker, ending } = what;
      const { pid } = worker;
      const fields = { pool: name, pid, generation: worker.generation.number };
      if (worker.hasWorked) {
        log.warn(fields, `process ${pid} ended by itself (${ending}): another is started when it is needed`);
      } else {
        // The pool tells of a program that does not start, once for each change.
        log.debug(fields, `process ${pid} ended before it had worked (${ending})`);
      }
      return;
    }
    case 'child-exited': {
      const { pid, exit, isOutOfMemory, worker } = what;
      log.warn(
        { pool: name, pid, generation: worker.generation.number },
        `idle process ${pid} ended (${howOf(exit, isOutOfMemory, worker.pid)}): another takes its place`,
      );
      return;
    }
    case 'unreachable': {
      const { pid, generation } = what.worker;
      log.warn(
        { pool: name, pid, generation: generation.number },
        `process ${pid} takes no connections any more: it is replaced`,
      );
      return;
    }
    case 'taken-back': {
      const { thread, count } = what;
      const processes = count === 1 ? 'a free process that it holds is' : `${count} free processes that it holds are`;
      log.warn(
        { pool: name, thread },
        `front thread ${thread} does not answer while others wait: ${processes} replaced`,
      );
      return;
    }
    case 'question': {
      const { pid, generation } = what.worker;
      const fields = { pool: name, pid, generation: generation.number };
      log.warn(
        fields,
        `process ${pid} ended when it was asked FCGI_GET_VALUES: the program is started without the question`,
      );
      return;
    }
    case 'late-start': {
      const { pid, startedAtMs } = what.worker;
      const afterMs = Math.round(nowMs - startedAtMs);
      log.warn({ pool: name, pid }, `worker ${pid} did not answer within ${afterMs} ms of its start: it is killed`);
      return;
    }
    case 'health': {
      const { program, score, number: generation } = what.generation;
      const fields = { pool: name, generation };
      const title = program.title ?? program.command[0];
      if (what.health === 'ready') log.info(fields, `pool ${name}: ${title} works again`);
      else if (what.health === 'failing') log.warn(fields, `pool ${name}: ${title} fails: ${score.reason(nowMs)}`);
      else log.error(fields, `pool ${name} answers 503: ${score.describe(nowMs)}`);
      return;
    }
    case 'reloaded': {
      const fields = { pool: name, generation: what.generation.number };
      if (what.isOk) log.info(fields, `pool ${name} reloaded: ${what.words}`);
      else log.error(fields, `pool ${name} not reloaded: ${what.words}`);
    }
  }
}

/** The probe could not tell which process serves a lane. */
export function tellAnonymous(log: Log, name: string): void {
  log.warn(
    { pool: name },
    `the processes of pool ${name} cannot be told apart: one that has to be ended takes the requests beside it along; ` +
      'take getmypid out of disable_functions',
  );
}

/** A process that is none of the pool's served its socket, and was ended. @param of what runs that has started it; null: that is not known */
export function tellForeign(log: Log, name: string, pid: number, of: EndedRequest | null = null): void {
  log.warn(
    { pool: name, pid, ...of },
    `process ${pid} served the socket of pool ${name} and is none of its workers: it was killed; ` +
      `${of === null ? 'a script' : `${of.method} ${of.url}`} has started it: start the command line PHP there, not php-cgi`,
  );
}

/** Something that a script forked writes on. @param of for which request; null: it ended too long ago */
export function tellStraggler(log: Log, name: string, pid: number, of: EndedRequest | null): void {
  const what = of === null ? 'a request that ended long ago' : `${of.method} ${of.url}, which has ended`;
  log.warn(
    { pool: name, pid, ...of },
    `process ${pid} goes on writing for ${what}: what it writes is dropped; does the script fork?`,
  );
}

/** A request on a connection that had served before was read by nobody. */
export function tellSilence(log: Log, name: string, pid: number, isResent: boolean): void {
  const next = isResent ? 'it is sent again on a new one' : 'it may not be sent twice, and goes on waiting';
  log.warn(
    { pool: name, pid },
    `process ${pid} left a request unread on a kept connection: ${next}; pool ${name} keeps none any more (set reuse = "never")`,
  );
}

/** How a process ended. @param parent see `formatExit` */
function howOf(exit: Exit, isOutOfMemory: boolean, parent: number): string {
  return isOutOfMemory ? 'SIGKILL, out of memory' : formatExit(exit, parent);
}
