// What the log is told of a process that ended with a request: who it was, and who saw how.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Told } from '../../src/pool/pool-state.ts';
import { tell } from '../../src/pool/pool-words.ts';
import { type Exit, unseenExit } from '../../src/worker/exit.ts';
import { RecordingLog } from '../support/recording-log.ts';

/** The line of a process that ended while it ran a request of worker 12. */
function told(pid: number, exit: Exit): string {
  const log = new RecordingLog();
  const lost = { pid, method: 'GET', url: '/a', ranMs: 7, exit, isOutOfMemory: false, isAgain: false };
  const worker = { pid: 12, generation: { number: 1 } };
  tell(log, 'php', { kind: 'lost', worker, lost } as Extract<Told, { kind: 'lost' }>, 0);
  return log.records[0]!.message;
}

describe('a process that ended with a request', () => {
  const rest = 'while it ran GET /a, after 7 ms: the request failed';
  for (const { title, pid, exit, line } of [
    { title: 'that we started', pid: 12, exit: { code: 3, signal: null }, line: 'process 12 ended (exit 3)' },
    {
      title: 'that is a child of such a one',
      pid: 34,
      exit: unseenExit,
      line: 'process 34 ended (its parent, process 12, saw how and tells nobody)',
    },
    {
      title: 'that is a child, nobody knows which',
      pid: 12,
      exit: unseenExit,
      line: 'a child of process 12 ended (its parent saw how and tells nobody)',
    },
  ]) {
    it(`${title}: is told as such`, () => assert.equal(told(pid, exit), `${line} ${rest}`));
  }
});
