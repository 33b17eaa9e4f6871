// Breaks the pool and its leases on purpose, one line at a time, and has random histories and plays find each (`node test/property/mutants.ts [--histories N] [--only pool|leases|permits]`, and the last
// part of `npm run fuzz`): an invariant that finds nothing is none. Prints which one found it, and after how many histories; exits 1 where a mutant lives.

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

/** One line of a source, and what it is made. */
export interface Mutant {
  readonly what: string;
  /** Below src. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** @default 'pool' */
  readonly finder?: 'pool' | 'leases' | 'permits';
}

const mutants: readonly Mutant[] = [
  {
    what: 'no wake-up is set where more is wanted than may be started',
    file: 'pool/spawning.ts',
    from: 'setWake(step, left > 0 && Number.isFinite(allowedAtMs) ? Math.max(allowedAtMs, nowMs + 1) : null);',
    to: 'setWake(step, null);',
  },
  {
    what: 'a wake-up is noted and not carried out',
    file: 'pool/spawning.ts',
    from: "effects.push({ type: 'wake', atMs });",
    to: '',
  },
  {
    what: 'the spawn score lets one more start',
    file: 'pool/spawn-score.ts',
    from: 'Math.ceil(room / spawnScore)',
    to: 'Math.ceil(room / spawnScore) + 1',
  },
  {
    what: 'an end that has come costs nothing',
    file: 'pool/spawn-score.ts',
    from: 'const room = spawnScoreUpLimit - this.value(nowMs);',
    to: 'const room = spawnScoreUpLimit;',
  },
  {
    what: 'one lane more than the limit',
    file: 'pool/spawning.ts',
    from: 'Math.ceil(Math.max(0, limits.workers - lanes) / lanesPerWorker)',
    to: 'Math.ceil((limits.workers - lanes + 1) / lanesPerWorker)',
  },
  {
    what: 'a request is begun three times',
    file: 'queue/retry.ts',
    from: 'const maxBegun = 2;',
    to: 'const maxBegun = 3;',
  },
  {
    what: 'a request that is not idempotent is begun twice',
    file: 'queue/retry.ts',
    from: '|| !isIdempotent ||',
    to: '||',
  },
  {
    what: 'a request that has ended is counted as nothing',
    file: 'queue/queue.ts',
    from: 'this.counters.add(code === null && !isAborted ? counter.finished : counter.aborted, 1);',
    to: '',
  },
  {
    what: 'one that waits no more is counted still',
    file: 'queue/queue-lines.ts',
    from: 'this.#counters.add(counter.waiting, -1);',
    to: '',
  },
  {
    what: 'nobody is told of lanes that are free',
    file: 'pool/step.ts',
    from: "if (one.isFreed) effects.push({ type: 'freed' });",
    to: '',
  },
  {
    what: 'lanes of a worker that retires are counted still',
    file: 'pool/retiring.ts',
    from: 'worker.generation.lanes -= worker.lanes.size;',
    to: '',
  },
  {
    what: 'a worker is stopped twice',
    file: 'pool/retiring.ts',
    from: "if (from === 'stopping' || from === 'draining') return;",
    to: "if (from === 'draining') return;",
  },
  {
    what: 'the old generation stays after a reload',
    file: 'pool/step.ts',
    from: "retireAll(one, old, 'reload');",
    to: '',
  },
  {
    what: 'what a failed reload has started stays',
    file: 'pool/step.ts',
    from: "retireAll(one, next, 'reload');",
    to: '',
  },
  {
    what: 'nobody looks whether a child that is to end has ended',
    file: 'pool/retiring.ts',
    from: "lane.killAtMs = how.signal === 'SIGKILL' ? Number.POSITIVE_INFINITY : nowMs + how.graceMs;",
    to: '',
  },
  {
    what: 'a worker whose last request has ended is not stopped',
    file: 'pool/retiring.ts',
    from: "worker.retirement = { ...worker.retirement!, signal: 'SIGKILL', graceMs: 0 };\n  settle(step, worker);",
    to: "worker.retirement = { ...worker.retirement!, signal: 'SIGKILL', graceMs: 0 };",
  },
  {
    what: 'what runs on a lane is closed, since the one before it in its slot has ended',
    file: 'leases/lane-holder.ts',
    from: 'if (held === undefined) return;\n    this.#settle(held);',
    to: 'if (held === undefined) return; held.lane.close(); this.#settle(held);',
  },
  {
    what: 'who waits does not look again at lanes that were in use elsewhere',
    file: 'leases/second-look.ts',
    from: 'Math.min(Math.max(lingerMs,',
    to: '1_000 + Math.min(Math.max(lingerMs,',
    finder: 'leases',
  },
  {
    what: 'who waits looks again once',
    file: 'leases/second-look.ts',
    from: 'this.#look();\n      this.wait();',
    to: 'this.#look();',
    finder: 'permits',
  },
  {
    what: 'a lane of no use stays where it is held',
    file: 'leases/leases.ts',
    from: 'row.idleMs(nowMs) >= lingerMs',
    to: 'row.idleMs(nowMs) >= 100 * lingerMs',
    finder: 'leases',
  },
  {
    what: 'nobody looks who waits where a lane was let go of that was kept for nobody',
    file: 'leases/leases.ts',
    from: 'else this.match();\n      return;',
    to: 'return;',
    finder: 'leases',
  },
  {
    what: 'nobody looks who waits where a lane without a connection is free',
    file: 'leases/lane-holder.ts',
    from: 'if (isShared && !isConnected && queue.waiting === 0) this.match();',
    to: '',
    finder: 'leases',
  },
  {
    what: 'who looks again does not write again that he waits: the pool had written that he does not, as of a thread that does not turn',
    file: 'leases/lane-holder.ts',
    from: 'this.#waiting.noteAgain(this.#index, this.queue);',
    to: '',
    finder: 'leases',
  },
  {
    what: 'the same of permits',
    file: 'leases/permit-holder.ts',
    from: 'this.#waiting.noteAgain(this.#index, this.#user.queue);',
    to: '',
    finder: 'permits',
  },
  {
    what: 'lanes are shared out though the own requests have waited longer',
    file: 'leases/leases.ts',
    from: 'mostWaiting !== null && laterMs >= -handOverMs',
    to: 'mostWaiting !== null',
    finder: 'leases',
  },
  {
    what: 'who has waited longest elsewhere is served only where nobody waits here',
    file: 'leases/leases.ts',
    from: 'if (laterMs > (isCostly ? overtakeMs : handOverMs)) return heir;',
    to: 'if (ownSinceMs === null && laterMs > handOverMs) return heir;',
    finder: 'leases',
  },
  {
    what: 'who frees a permit without a connection does not look who waits',
    file: 'leases/permit-holder.ts',
    from: 'if (!isKept && user.queue.waiting === 0 && this.#waiting.isWaitedElsewhere(this.#index)) this.match();',
    to: '',
    finder: 'permits',
  },
];

const { values } = parseArgs({ options: { histories: { type: 'string' }, only: { type: 'string', default: '' } } });
const histories = values.histories ?? '3000';
/** Which program finds it, with how many tries. */
const finders = {
  pool: ['fuzz-pool.ts', '--histories', histories],
  leases: ['fuzz-leases.ts', '--of', 'lanes', '--plays', `${Number(histories) * 5}`],
  permits: ['fuzz-leases.ts', '--of', 'permits', '--plays', `${Number(histories) * 10}`],
} as const;
const folder = new URL('.', import.meta.url).pathname;
const wanted = mutants.filter(({ finder }) => (finder ?? 'pool').startsWith(values.only));
let living = 0;
for (const mutant of wanted) {
  const [finder, ...options] = finders[mutant.finder ?? 'pool'];
  const { status, stderr, error } = spawnSync(
    process.execPath,
    [`--import=${folder}mutate.ts`, `${folder}${finder}`, ...options],
    { encoding: 'utf8', env: { ...process.env, MUTANT: JSON.stringify(mutant) }, timeout: 900_000 },
  );
  const [, why] = /^(?:--seed \d+ --\w+ 1: )?(?:\w*Error(?: \[\w+\])?: )?(.*)/.exec(stderr) ?? [];
  // Neither one that is not there, nor one for which there was not the time.
  const isFound = status === 1 && !stderr.includes('no mutant:');
  if (!isFound) living += 1;
  process.stdout.write(
    `${isFound ? 'found' : 'LIVES'}: ${mutant.what}${isFound ? ` (${why})` : ` ${error?.message ?? why}`}\n`,
  );
}
process.stdout.write(`mutants: ${wanted.length - living} of ${wanted.length} were found\n`);
process.exit(living === 0 && wanted.length > 0 ? 0 : 1);
