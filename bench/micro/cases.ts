// The cases of the micro benchmark: encode and decode, a request whole, and the hot functions by themselves.

import { systemClock } from '../../src/clock.ts';
import { ServerConnection } from '../../src/fastcgi-server/server-connection.ts';
import { defaultServerLimits } from '../../src/fastcgi-server/server-limits.ts';
import { CgiOutput } from '../../src/protocol/cgi/cgi-output.ts';
import type { CgiRequest, CgiSink } from '../../src/protocol/cgi/exchange.ts';
import { decodeNameValues } from '../../src/protocol/fastcgi/name-value-reader.ts';
import { END_REQUEST, PARAMS, RecordReader, STDIN, STDOUT } from '../../src/protocol/fastcgi/record.ts';
import { encodeNameValues, RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import type { MicroCase } from './case.ts';
import { gatewayRequest } from './gateway.ts';
import { fastcgiStream, MemorySocket, nodeFastcgi, peerStream } from './peers.ts';
import { bulk, environment, head, page } from './samples.ts';

const { BeginRequest, EndRequest, Params, StdIn, StdOut } = fastcgiStream.records;
const pairs = Object.entries(environment);
const writer = new RecordWriter();
const answerText = Buffer.from(head + page.toString());

/** What was gathered; its memory is given back, as a connection does once the kernel has taken it. */
function sent(): Buffer {
  const bytes = writer.take();
  writer.giveBack();
  return bytes;
}

/** BEGIN_REQUEST, PARAMS, the end of PARAMS, the end of STDIN. */
function encodeRequest(): Buffer {
  writer.begin(1, 'responder', true);
  writer.params(1, environment);
  writer.end(STDIN, 1);
  return sent();
}

/** STDOUT, its end, END_REQUEST. */
function encodeAnswer(): Buffer {
  writer.text(STDOUT, 1, head);
  writer.content(STDOUT, 1, page);
  writer.end(STDOUT, 1);
  writer.endRequest(1, 0, 0);
  return sent();
}

function encodeBulk(): Buffer {
  writer.content(STDOUT, 1, bulk);
  return sent();
}

/** Counts the records in bytes, and reads the pairs of PARAMS, as both sides have to. */
function decoder(): (bytes: Buffer) => number {
  let records = 0;
  const reader = new RecordReader({
    content: (type, _id, chunk) => {
      records += 1;
      if (type === PARAMS) decodeNameValues(chunk);
    },
    closed: () => {
      records += 1;
    },
    control: () => {
      records += 1;
    },
  });
  return (bytes) => {
    reader.push(bytes);
    return records;
  };
}

function encoding(
  name: string,
  ours: () => Buffer,
  records: number,
  theirs: (peer: ReturnType<typeof peerStream>) => void,
): MicroCase {
  const peer = peerStream();
  return { name, ours, peer: { name: 'fastcgi-stream', work: () => theirs(peer) }, records, bytes: ours().length };
}

function decoding(name: string, bytes: Buffer, records: number): MicroCase {
  const decode = decoder();
  const peer = peerStream();
  const work = (): number => {
    peer.feed(bytes);
    return peer.records();
  };
  return { name, ours: () => decode(bytes), peer: { name: 'fastcgi-stream', work }, records, bytes: bytes.length };
}

/** A request is read from a new connection, and "hello" answered to it; the connection is memory. */
function serving(): MicroCase {
  const request = Buffer.from(encodeRequest());
  const body = Buffer.from('hello');
  const options = {
    run: (_request: CgiRequest, sink: CgiSink) => {
      sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] });
      sink.write(body);
      sink.end();
      return { resume: () => {}, abort: () => {} };
    },
    limits: defaultServerLimits,
    isLast: false,
    saysOk: true,
    clock: systemClock,
    onClose: () => {},
  };
  const server = nodeFastcgi.createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/plain');
    response.end(body);
  });
  return {
    name: 'serve "hello"',
    ours: () => {
      const socket = new MemorySocket();
      new ServerConnection(socket as never, options).start();
      return answered(socket, request);
    },
    peer: {
      name: 'node-fastcgi',
      work: () => {
        const socket = new MemorySocket();
        server.emit('connection', socket);
        return answered(socket, request);
      },
    },
    records: 7,
    bytes: request.length,
  };
}

/** Resolves when END_REQUEST was written. */
function answered(socket: MemorySocket, request: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.onWritten = (chunk) => {
      // It is the last record: the whole of a write there, the last 16 bytes of one here.
      if (chunk[1] === END_REQUEST || chunk.at(-15) === END_REQUEST) {
        socket.onWritten = null;
        socket.destroy();
        resolve();
      }
    };
    socket.emit('data', request);
  });
}

/** One function by itself. */
function alone(name: string, ours: () => unknown, bytes: number): MicroCase {
  return { name, ours, peer: null, records: 0, bytes };
}

/** All cases. */
export function allCases(): MicroCase[] {
  const encodedPairs = encodeNameValues(environment);
  const nothing = { head: () => {}, write: () => true };
  return [
    encoding('encode a request', encodeRequest, 4, ({ stream }) => {
      stream.writeRecord(1, new BeginRequest(1, 1));
      stream.writeRecord(1, new Params(pairs));
      stream.writeRecord(1, new Params([]));
      stream.writeRecord(1, new StdIn());
    }),
    decoding('decode a request', Buffer.from(encodeRequest()), 4),
    encoding('encode an answer', encodeAnswer, 3, ({ stream }) => {
      stream.writeRecord(1, new StdOut(head + page.toString('latin1')));
      stream.writeRecord(1, new StdOut());
      stream.writeRecord(1, new EndRequest(0, 0));
    }),
    decoding('decode an answer', Buffer.from(encodeAnswer()), 3),
    encoding('encode 32 KiB of STDOUT', encodeBulk, 1, ({ stream }) => stream.writeRecord(1, new StdOut(bulk))),
    decoding('decode 32 KiB of STDOUT', Buffer.from(encodeBulk()), 1),
    serving(),
    alone('encode PARAMS', () => encodeNameValues(environment), encodedPairs.length),
    alone('decode PARAMS', () => decodeNameValues(encodedPairs), encodedPairs.length),
    alone('a request, no sockets', gatewayRequest(Buffer.from(encodeAnswer())), 0),
    alone('parse an output', () => new CgiOutput(nothing).push(answerText), answerText.length),
  ];
}
