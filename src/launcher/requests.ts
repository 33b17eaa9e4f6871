// What the service may ask of the launcher, and what it is told; how each request must look. Pure.
//
// A request names what the configuration names, never a command, an account or a number that would be believed.

import { z } from 'zod';
import { cut, type Piece } from '../protocol/pieces.ts';

const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const name = z.string().min(1).max(300);
/** What a socket is told from others by, that was handed over for a program's output. */
const token = z.string().regex(/^[0-9a-z]{1,32}$/);
const pid = z
  .int()
  .min(2)
  .max(2 ** 31 - 1);
/** Those that a program is ended with, or told something by. */
const signal = z.enum(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']);

const requests = {
  /** Start a worker of a pool. */
  worker: z.strictObject({ do: z.literal('worker'), process: id, pool: name, key: name, out: token, err: token }),
  /** Start a CGI program. Byte strings. */
  cgi: z.strictObject({
    do: z.literal('cgi'),
    process: id,
    pool: name,
    key: name,
    path: z.string().min(1).max(4096),
    variables: z.record(z.string().max(300), z.string()),
    in: token,
    out: token,
    err: token,
  }),
  /** To the process that was started, to its group, or to one that it has started (with what is below that). */
  signal: z.strictObject({
    do: z.literal('signal'),
    process: id,
    signal,
    to: z.enum(['leader', 'group', 'child', 'tree']),
    pid: pid.optional(),
  }),
  /** A process that serves a lane of a worker is known. */
  met: z.strictObject({ do: z.literal('met'), process: id, pid }),
  /** End a process that serves a worker's socket without being a child of it. */
  foreign: z.strictObject({ do: z.literal('foreign'), process: id, pid }),
  /** Nothing of a worker is wanted any more. */
  clear: z.strictObject({ do: z.literal('clear'), process: id }),
  /** Sockets for an address of the configuration. `port`: of one that is bound already. */
  bind: z.strictObject({
    do: z.literal('bind'),
    ask: id,
    listen: name,
    count: z.int().min(1).max(256),
    port: z.int().min(0).max(65_535).optional(),
  }),
  release: z.strictObject({ do: z.literal('release'), listen: name, port: z.int().min(0).max(65_535) }),
  /** Read the configuration again. */
  read: z.strictObject({ do: z.literal('read'), ask: id }),
  /** What was read is in force, or will not be. */
  settled: z.strictObject({ do: z.literal('settled'), isInForce: z.boolean() }),
  /** The content of a file that the configuration names. */
  file: z.strictObject({ do: z.literal('file'), ask: id, path: z.string().min(1).max(4096) }),
  ready: z.strictObject({ do: z.literal('ready') }),
  stopping: z.strictObject({ do: z.literal('stopping') }),
} as const;

/** One request of the service. */
export type Request = { [Kind in keyof typeof requests]: z.output<(typeof requests)[Kind]> }[keyof typeof requests];

/** @returns null for what is no request */
export function parseRequest(value: unknown): Request | null {
  const kind = (value as { do?: unknown } | null)?.do;
  if (typeof kind !== 'string' || !Object.hasOwn(requests, kind)) return null;
  const parsed = requests[kind as keyof typeof requests].safeParse(value);
  return parsed.success ? (parsed.data as Request) : null;
}

/** An error on its way from one process to another. */
export interface SentError {
  readonly code: string;
  readonly message: string;
  /** Of the system: EMFILE. */
  readonly cause: string | null;
}

/** A socket that is bound for the service: as descriptor of its own, or on its way to it. */
export interface SentSocket {
  readonly listen: string;
  readonly host: string | null;
  readonly port: number;
  readonly path: string | null;
}

/** What the launcher tells. */
export type Notice =
  /** At once: what may be looked for while the service loads. */
  | ({ readonly tell: 'ahead' } & Ahead)
  /** Of the hello or answer that comes next. */
  | { readonly tell: 'piece'; readonly piece: Piece }
  | { readonly tell: 'hello'; readonly hello: Hello }
  | { readonly tell: 'answer'; readonly ask: number; readonly value: unknown }
  | { readonly tell: 'refused'; readonly ask: number; readonly error: SentError }
  | { readonly tell: 'spawned'; readonly process: number; readonly pid: number; readonly socketPath: string }
  | { readonly tell: 'failed'; readonly process: number; readonly error: SentError }
  | {
      readonly tell: 'exited';
      readonly process: number;
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
    }
  /** Of a CGI program that has exited: nothing that it had started is left, either. */
  | { readonly tell: 'gone'; readonly process: number }
  /** The configuration is to be read again. */
  | { readonly tell: 'reload' };

/** What is known of a configuration when the service is started. A hint: it may turn out to be wrong. */
export interface Ahead {
  /** What the pools want that the service starts itself, as `php` in their sections says. */
  readonly php: readonly string[];
  /** That relative paths start from. */
  readonly folder: string;
}

/** A pool whose programs the launcher starts: what the service is to know of them. JSON. */
export interface LaunchedPool {
  /** Names what is started: the program of this pool in one configuration. */
  readonly key: string;
  /** What was made of the configuration, in the service's words; the launcher does not read it. */
  readonly plan: unknown;
}

/** What a service begins with. JSON. */
export interface Hello {
  /** What was read of the configuration, in the words of whoever reads it; the launcher hands it on. */
  readonly config: unknown;
  readonly pools: Readonly<Record<string, LaunchedPool>>;
  /** In the order of their descriptors, `copies` of each, from `firstDescriptor` on. */
  readonly sockets: readonly SentSocket[];
  readonly copies: number;
  readonly firstDescriptor: number;
  /** Where sockets for the output of programs are taken. */
  readonly handOver: string;
  /** Path of a setpriv(1) that does what is asked of it. */
  readonly setpriv: string;
  /** Anything else that the one who started the launcher has to say to the service. */
  readonly extra: unknown;
  /** How often it has been started before. */
  readonly restarts: number;
}

/** Tells what may be large: see `protocol/pieces.ts`. */
export function tellInPieces(
  channel: { send(notice: Notice): void },
  notice: Extract<Notice, { tell: 'hello' | 'answer' }>,
): void {
  const { rest, pieces } = cut(notice);
  for (const piece of pieces) channel.send({ tell: 'piece', piece });
  channel.send(rest as Notice);
}
