// Feeds sessions of HTTP/2 with damaged frames (`node test/property/fuzz-http2.ts [--seed N|random] [--sessions N]`): whatever comes is answered, or ends the session with
// a code, in bounded time and memory. Prints figures; exits 1 at the first session that does anything else.

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { errorCodes } from '../../src/http2/http2-codes.ts';
import {
  continuation,
  data,
  flags,
  goaway,
  headers,
  indexed,
  indexing,
  ping,
  preface,
  priority,
  request,
  reset,
  settingIds,
  settings,
  windowUpdate,
} from '../support/http2-frames.ts';
import { RecordedSession, sessionLimits } from '../support/http2-session.ts';
import { seedOf } from '../support/seeded-fast-check.ts';
import { mutate, Random } from './random.ts';

/** Of the processor's time; one session takes microseconds. */
const mostMs = 2_000;
const mostGrowthMb = 32;

const { values } = parseArgs({ options: { seed: { type: 'string' }, sessions: { type: 'string' } } });
const seed = seedOf(values.seed);
const sessions = Number(values.sessions ?? 50_000);
const random = new Random(seed);
const ends = new Map<number, number>();
let slowestMs = 0;
let bytes = 0;

process.stdout.write(`seed ${seed}\n`);
for (let warm = 0; warm < 1_000; warm += 1) play();
const before = memoryMb();
for (let played = 0; played < sessions; played += 1) play();
const growth = memoryMb() - before;
const told = Object.entries(errorCodes).map(([name, code]) => `${name} ${ends.get(code) ?? 0}`);
process.stdout.write(
  `${sessions} sessions of HTTP/2, ${bytes} bytes: ${ends.get(-1) ?? 0} went on, ${told.join(', ')}\n` +
    `slowest ${slowestMs.toFixed(1)} ms, memory grew by ${growth.toFixed(1)} MB\n`,
);
if (growth > mostGrowthMb) stop(`memory grew by more than ${mostGrowthMb} MB`, Buffer.alloc(0));

/** One session, of frames that would do, in their order or not, most of them damaged somewhere. */
function play(): void {
  const frames = Array.from({ length: 1 + random.below(12) }, (_, at) => frameOf(at));
  const sound = Buffer.concat([Buffer.from(preface), settings(), ...frames]);
  const stream = random.below(5) === 0 ? sound : mutate(sound, random);
  bytes += stream.length;
  const from = process.cpuUsage();
  const recorded = new RecordedSession();
  recorded.sent = null;
  try {
    const step = random.pick([1, 7, 64, 1_000, stream.length]);
    let hasLeft = false;
    for (let at = 0; at < stream.length && !hasLeft; at += step) {
      if (random.below(4) === 0) hasLeft = move(recorded, stream);
      recorded.session.receive(stream.subarray(at, at + step));
    }
    recorded.readAll();
    recorded.drain();
    recorded.session.destroy();
    const { sentBytes } = recorded;
    // Whoever runs on hears of the end late.
    recorded.session.receive(stream);
    recorded.drain();
    if (recorded.sentBytes > sentBytes) stop('something was sent after the end', stream);
  } catch (thrown) {
    stop(`threw ${thrown instanceof Error ? thrown.stack : thrown}`, stream);
  }
  const { user, system } = process.cpuUsage(from);
  const tookMs = (user + system) / 1_000;
  if (tookMs > mostMs) stop(`took ${tookMs} ms`, stream);
  slowestMs = Math.max(slowestMs, tookMs);
  const { fault } = recorded;
  if (fault?.code === errorCodes.internalError) stop(fault.message, stream);
  if (recorded.streams.size > 0) stop('a stream was left open', stream);
  // An answer is as long as its request, and a small frame is answered with a small one.
  if (recorded.sentBytes > 4 * stream.length + 1_000) stop(`${recorded.sentBytes} bytes were sent`, stream);
  ends.set(fault?.code ?? -1, (ends.get(fault?.code ?? -1) ?? 0) + 1);
}

/** What happens on our side of a session meanwhile. @returns whether its client has gone */
function move(recorded: RecordedSession, stream: Buffer): boolean {
  switch (random.below(6)) {
    case 0:
      recorded.isFull = true;
      break;
    case 1:
      recorded.drain();
      break;
    case 2:
      recorded.holds = true;
      break;
    case 3:
      recorded.readAll();
      break;
    case 4:
      if (random.below(8) === 0) recorded.session.leave();
      break;
    default:
      if (random.below(8) > 0) return false;
      recorded.session.destroy();
      return true;
  }
  const held = [...recorded.held.values()];
  if (held.some((bytes) => bytes > sessionLimits.readWindow)) stop('a stream holds more than its window', stream);
  const all = held.reduce((sum, bytes) => sum + bytes, 0);
  const { streamWindow, sharedWindow } = sessionLimits;
  if (all > held.length * streamWindow + sharedWindow) stop('bodies hold more than their windows', stream);
  return false;
}

function frameOf(at: number): Buffer {
  const id = random.below(4) === 0 ? random.below(30) : at * 2 + 1;
  const { END_HEADERS, END_STREAM } = flags;
  const block = Buffer.concat([request('POST', `/${id}`), indexing('x-name', 'value'), indexed(62)]);
  switch (random.below(11)) {
    case 0:
      return headers(id, request());
    case 1:
      return headers(id, block, END_HEADERS);
    case 2:
      return Buffer.concat([headers(id, block.subarray(0, 20), END_STREAM), continuation(id, block.subarray(20))]);
    case 3:
      // Some that fill a window, which a reader that holds does not open again.
      if (random.below(4) === 0) return Buffer.concat(Array.from({ length: 5 }, () => data(id, random.bytes(16_000))));
      return data(id, random.bytes(random.below(2_000)), random.below(2));
    case 4:
      return reset(id);
    case 5:
      return windowUpdate(random.below(2) * id, random.below(100_000));
    case 6:
      return settings([[random.pick(Object.values(settingIds)), random.below(70_000)]]);
    case 7:
      return ping();
    case 8:
      return priority(id);
    case 9:
      return Buffer.concat([headers(id, request('POST'), END_HEADERS), data(id, 'abc', END_STREAM)]);
    default:
      return random.below(8) === 0 ? goaway() : headers(id, Buffer.concat([request(), indexed(62 + random.below(3))]));
  }
}

function stop(problem: string, stream: Buffer): never {
  process.stderr.write(`${problem}\nseed ${seed}, stream (base64): ${stream.toString('base64')}\n`);
  process.exit(1);
}

function memoryMb(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}
