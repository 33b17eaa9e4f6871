// Feeds the codec with generated and with damaged streams (`node test/property/fuzz-codec.ts [--seed N|random] [--streams N] [--bytes N]`): whatever comes is read or is
// refused with a code, in bounded time and memory. Prints figures; exits 1 at the first stream that does anything else.

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { RecordExchange, RunningExchanges } from '../../src/connection/client-exchange.ts';
import { AnswerReader } from '../../src/connection/record-traffic.ts';
import { PosternError } from '../../src/errors.ts';
import { defaultOutputLimits } from '../../src/protocol/cgi/cgi-output.ts';
import type { CgiSink } from '../../src/protocol/cgi/exchange.ts';
import { NameValueReader } from '../../src/protocol/fastcgi/name-value-reader.ts';
import {
  BEGIN_REQUEST,
  decodeBegin,
  decodeValueNames,
  GET_VALUES,
  PARAMS,
  RecordReader,
  STDERR,
  STDIN,
  STDOUT,
} from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { seedOf } from '../support/seeded-fast-check.ts';
import { mutate, Random } from './random.ts';

/** What a stream may be refused with. */
const refusals = new Set([
  'PROTOCOL_ERROR',
  'PARAMS_TOO_LARGE',
  'ANSWER_INVALID',
  'OVERLOADED',
  'CANT_MULTIPLEX',
  'UNKNOWN_ROLE',
]);
/** Of the processor's time, since the machine may be busy: one stream of some kilobytes takes microseconds; this long is a hang. */
const MAX_STREAM_MS = 2_000;
const MAX_GROWTH_MB = 32;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, streams: { type: 'string' }, bytes: { type: 'string' } },
});
const seed = seedOf(values.seed);
const wantedStreams = Number(values.streams ?? 100_000);
const wantedBytes = Number(values.bytes ?? 10_000_000);

const random = new Random(seed);
const outcomes = new Map<string, number>();
const figures = { generatedStreams: 0, generatedBytes: 0, mutatedStreams: 0, mutatedBytes: 0, slowestMs: 0 };

const startedAt = performance.now();
const stop = (problem: string, stream: Buffer): never => {
  process.stderr.write(`${problem}\nseed ${seed}, stream (base64): ${stream.toString('base64')}\n`);
  process.exit(1);
};

process.stdout.write(`seed ${seed}\n`);
while (figures.generatedBytes < wantedBytes) generated();
const before = memoryMb();
while (figures.mutatedStreams < wantedStreams) mutated();
const growth = memoryMb() - before;

process.stdout.write(
  `${figures.generatedStreams} generated streams, ${figures.generatedBytes} bytes: all read as they were written\n` +
    `${figures.mutatedStreams} mutated streams, ${figures.mutatedBytes} bytes: ${describe(outcomes)}\n` +
    `slowest stream ${figures.slowestMs.toFixed(1)} ms, memory grew by ${growth.toFixed(1)} MB, ` +
    `${((performance.now() - startedAt) / 1_000).toFixed(1)} s in all\n`,
);
if (growth > MAX_GROWTH_MB) {
  process.stderr.write(`memory grew by more than ${MAX_GROWTH_MB} MB\n`);
  process.exitCode = 1;
}

/** A whole answer, or a whole request, is read as it was written. */
function generated(): void {
  const body = random.bytes(random.below(random.below(10) === 0 ? 150_000 : 3_000));
  const answer = answerOf(body);
  const read = readAnswer(answer);
  if (read.outcome !== 'complete' || !read.body.equals(body)) stop(`an answer was read as ${read.outcome}`, answer);
  const request = requestOf(body);
  const outcome = readRequest(request);
  if (outcome !== 'complete') stop(`a request was read as ${outcome}`, request);
  figures.generatedStreams += 2;
  figures.generatedBytes += answer.length + request.length;
}

/** A damaged answer, or a damaged request, is read or refused. */
function mutated(): void {
  const body = random.bytes(random.below(400));
  const isAnswer = random.below(2) === 0;
  const stream = mutate(isAnswer ? answerOf(body) : requestOf(body), random);
  const from = process.cpuUsage();
  let outcome = '';
  try {
    outcome = isAnswer ? readAnswer(stream).outcome : readRequest(stream);
  } catch (thrown) {
    stop(`threw ${thrown instanceof Error ? thrown.stack : String(thrown)}`, stream);
  }
  const { user, system } = process.cpuUsage(from);
  const took = (user + system) / 1_000;
  if (took > MAX_STREAM_MS) stop(`took ${took} ms`, stream);
  figures.slowestMs = Math.max(figures.slowestMs, took);
  figures.mutatedStreams += 1;
  figures.mutatedBytes += stream.length;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

function answerOf(body: Buffer): Buffer {
  const writer = new RecordWriter();
  if (random.below(3) === 0) writer.text(STDERR, 1, 'PHP Warning: something\n');
  writer.text(
    STDOUT,
    1,
    `Status: ${random.pick(['200 OK', '404', '103'])}\r\nContent-Type: text/html\r\n\r\n`.replace(
      '103\r\n',
      '103\r\n\r\nStatus: 200\r\n',
    ),
  );
  writer.content(STDOUT, 1, body);
  if (random.below(2) === 0) writer.end(STDOUT, 1);
  writer.endRequest(1, 0, 0);
  return writer.take();
}

function requestOf(body: Buffer): Buffer {
  const writer = new RecordWriter();
  if (random.below(4) === 0) writer.getValues(['FCGI_MPXS_CONNS']);
  writer.begin(1, 'responder', true);
  writer.params(1, {
    REQUEST_METHOD: 'POST',
    CONTENT_LENGTH: String(body.length),
    SCRIPT_FILENAME: '/srv/www/index.php',
    HTTP_COOKIE: 'x'.repeat(random.below(300)),
  });
  writer.content(STDIN, 1, body);
  writer.end(STDIN, 1);
  return writer.take();
}

/** Reads as the client side of a connection does. */
function readAnswer(stream: Buffer): { outcome: string; body: Buffer } {
  const chunks: Buffer[] = [];
  let outcome = 'incomplete';
  const sink: CgiSink = {
    head: () => {},
    write: (chunk) => {
      chunks.push(Buffer.from(chunk));
      return true;
    },
    flush: () => {},
    stderr: () => {},
    end: () => {
      outcome = 'complete';
    },
    fail: (error) => {
      outcome = error.code;
    },
  };
  const carrier = { tellsFailures: true, unblocked: () => {}, abandoned: () => {} };
  const exchange = new RecordExchange(1, cgiRequest(), sink, carrier, defaultOutputLimits);
  const running = new RunningExchanges();
  running.add(exchange);
  const reader = new AnswerReader(running, () => {});
  try {
    for (const piece of pieces(stream)) {
      for (const ended of reader.push(piece)) {
        ended.finish();
        running.delete(ended);
      }
    }
  } catch (thrown) {
    outcome = refusalOf(thrown);
  }
  return { outcome, body: Buffer.concat(chunks) };
}

/** Reads as an application does, as far as the codec goes. */
function readRequest(stream: Buffer): string {
  let params = new NameValueReader();
  let outcome = 'incomplete';
  const reader = new RecordReader({
    content: (type, _id, chunk) => {
      if (type === PARAMS) params.push(chunk);
    },
    closed: (type) => {
      if (type === PARAMS) {
        params.end();
        params = new NameValueReader();
      }
      if (type === STDIN) outcome = 'complete';
    },
    control: (type, _id, body) => {
      if (type === BEGIN_REQUEST) decodeBegin(body);
      if (type === GET_VALUES) decodeValueNames(body);
    },
  });
  try {
    for (const piece of pieces(stream)) reader.push(piece);
  } catch (thrown) {
    outcome = refusalOf(thrown);
  }
  return outcome;
}

function* pieces(stream: Buffer): Generator<Buffer> {
  const size = random.pick([1, 7, 64, 1_000, stream.length + 1]);
  // Byte by byte only what is short: the point is where the cuts are, and not how long it takes.
  const step = stream.length > 20_000 ? Math.max(size, 1_000) : size;
  for (let at = 0; at < stream.length; at += step) yield stream.subarray(at, at + step);
}

function refusalOf(thrown: unknown): string {
  if (thrown instanceof PosternError && refusals.has(thrown.code)) return thrown.code;
  throw thrown;
}

function memoryMb(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

function describe(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
