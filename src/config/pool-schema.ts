// The five kinds of pool and the keys of each, with defaults and meaning. A key that means nothing for a kind is not among its keys. Pure.

import { z } from 'zod';
import { count, duration, oneOrMore, score, setting, size, text, urlPath, variables } from './key-types.ts';

/** The queue before a pool, and how long its requests may take. */
const queueKeys = {
  workers: z.int().min(1).max(4096).prefault(8).meta({ description: 'Requests that run at a time, at most.' }),
  queue: count.prefault(512).meta({ description: 'Requests that may wait for a worker. 0: none waits.' }),
  queueTimeout: duration
    .prefault('5s')
    .meta({ description: 'How long one may wait before it is answered 503. 0: none waits.' }),
  readTimeout: duration.prefault('60s').meta({
    description:
      'The longest silence of a program: before its answer, and between two pieces of it. Time in which it is held back for a slow client does not count. 0: no limit.',
  }),
  requestTimeout: duration
    .prefault(0)
    .meta({ description: 'How long a request may run in all, before what runs it is ended. 0: no limit.' }),
  slowAfter: duration.prefault(0).meta({
    description:
      'A request that has run so long is noted with what its process is doing, and logged (request_slowlog_timeout). 0: none is.',
  }),
  stopTimeout: duration
    .refine((value) => value > 0, 'write a duration above 0: "1ms" is at once')
    .prefault('10s')
    .meta({
      description:
        'How long a running request may go on when Postern stops or the pool is taken away, and SIGTERM has before SIGKILL. At a reload each request keeps its own limits.',
    }),
};

/** What PHP-FPM's tools ask. */
const pageKeys = {
  statusPath: urlPath.optional().meta({
    description:
      "Path at which the sites with a route to this pool answer with PHP-FPM's status page (pm.status_path); for connect, that of the PHP-FPM there.",
  }),
  pingPath: urlPath.optional().meta({
    description:
      'Path at which they answer "pong" while the pool can serve (ping.path), and 503 while it cannot; for connect, that of the PHP-FPM there.',
  }),
  statusClients: z.array(text).prefault([]).meta({
    description: 'Addresses and networks that may ask for statusPath, besides this machine. pingPath is for everybody.',
  }),
};

/** What is started here. */
const startedKeys = {
  user: text.optional().meta({ description: 'User to run as, with its groups. Needs root.' }),
  allowRoot: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Lets the pool run as root when Postern does and no user is given.' }),
  env: variables.meta({
    description: 'The environment of the program, besides PATH and POSTERN_MARK. It never sees that of Postern.',
  }),
};

/** Processes that are kept. */
const workerKeys = {
  minWorkers: count.prefault(1).meta({ description: 'Workers kept ready without traffic.' }),
  idleTimeout: duration
    .prefault('5m')
    .meta({ description: 'A worker above minWorkers that was idle so long is stopped. 0: never.' }),
  maxRequests: count.prefault(0).meta({ description: 'A worker is replaced after so many requests. 0: never.' }),
  maxAge: duration.prefault(0).meta({ description: 'A worker is replaced at this age, when idle. 0: never.' }),
  maxMemory: size
    .prefault(0)
    .meta({ description: 'A worker is replaced when idle above this resident size. 0: never.' }),
  ...startedKeys,
  cwd: text.optional().meta({ description: 'Working directory of the program, from the folder of this file.' }),
  spawnScore: score.prefault(1).meta({ description: 'What each start adds to the score (FcgidSpawnScore).' }),
  terminationScore: score.prefault(2).meta({ description: 'What each end of a process adds (FcgidTerminationScore).' }),
  timeScore: score.prefault(1).meta({ description: 'What each second takes off (FcgidTimeScore).' }),
  spawnScoreUpLimit: score.prefault(10).meta({
    description: 'Nothing is started at this score or above (FcgidSpawnScoreUpLimit). 0: no limit.',
  }),
};

const lanes = z.int().min(1).max(1024);
const reuse = z.enum(['always', 'bodiless', 'never']);

const php = z
  .strictObject({
    php: text.meta({
      description: 'A managed PHP: "auto" finds one, "wasm" is embedded PHP, else the path of a php-cgi.',
    }),
    ...queueKeys,
    ...pageKeys,
    ...workerKeys,
    extensions: z
      .array(z.string().regex(/^\.[A-Za-z0-9]+$/, 'write an ending such as ".php"'))
      .min(1)
      .prefault(['.php', '.phar'])
      .meta({ description: 'Only files whose names end in one of these are run; others are files.' }),
    ini: z.record(text, setting).prefault({}).meta({ description: 'Settings of php.ini.' }),
  })
  .transform((values) => ({ kind: 'php' as const, ...values }));

const command = z
  .strictObject({
    command: z.array(text).min(1).meta({ description: 'Any FastCGI program and its arguments, started as workers.' }),
    ...queueKeys,
    ...pageKeys,
    ...workerKeys,
    lanes: lanes.prefault(1).meta({
      description: 'Requests that one process serves at a time, each on a connection of its own.',
    }),
    reuse: reuse.optional().meta({
      description:
        'After which requests a connection is kept; "bodiless": those without a body, and only requests that may be sent twice are sent on it. Default: "bodiless", and "never" with lanes above 1.',
    }),
  })
  .transform((values) => ({
    kind: 'command' as const,
    ...values,
    reuse: values.reuse ?? (values.lanes > 1 ? 'never' : 'bodiless'),
  }));

const app = z
  .strictObject({
    app: text.meta({ description: 'A TypeScript application, from the folder of this file.' }),
    ...queueKeys,
    ...pageKeys,
    ...workerKeys,
    threads: z.int().min(1).max(999).optional().meta({
      description:
        'Threads of each process that serve requests. Default: 1, as the application itself says, or POSTERN_THREADS of env.',
    }),
    lanes: lanes.optional().meta({
      description:
        'Requests that one process serves at a time, each on a connection of its own. Default: 1, or as many as threads.',
    }),
    reuse: reuse
      .prefault('always')
      .meta({ description: 'After which requests a connection is kept; "bodiless": those without a body.' }),
  })
  // Threads that are never asked at the same time would be for nothing.
  .transform((values) => ({ kind: 'app' as const, ...values, lanes: values.lanes ?? values.threads ?? 1 }));

const server = z.union([
  text.transform((address) => ({ address, weight: 1, backup: false })),
  z.strictObject({
    address: text.meta({ description: 'Where it listens.' }),
    weight: z.int().min(1).max(1000).prefault(1).meta({ description: 'Its share of the requests.' }),
    backup: z.boolean().prefault(false).meta({ description: 'Whether it is asked only while no other server can be.' }),
  }),
]);

const connect = z
  .strictObject({
    connect: oneOrMore(server).meta({
      description: `FastCGI servers elsewhere; requests are spread over them. Each is an address, or a table { address, weight, backup }.`,
    }),
    ...queueKeys,
    ...pageKeys,
    idleTimeout: duration.prefault('5s').meta({
      description: 'A kept connection that was idle so long is closed: it holds a process of PHP-FPM. 0: never.',
    }),
    reuse: reuse.prefault('never').meta({
      description:
        'After which requests a connection is kept; "bodiless": those without a body, and only requests that may be sent twice are sent on it.',
    }),
  })
  .transform((values) => ({ kind: 'connect' as const, ...values }));

const cgi = z
  .strictObject({
    cgi: z.literal(true).meta({ description: 'Plain CGI: the matched file is run, one process a request.' }),
    ...queueKeys,
    ...pageKeys,
    ...startedKeys,
  })
  .transform((values) => ({ kind: 'cgi' as const, ...values }));

/** The kinds, by the key that says so. */
export const poolKinds = { php, command, connect, cgi, app } as const;

/** Any pool. */
export const pool = z.xor([php, command, connect, cgi, app]);

/** One pool as it was read. */
export type PoolValues = z.output<typeof pool>;

/** One kind of pool. */
export type PoolKind = PoolValues['kind'];
