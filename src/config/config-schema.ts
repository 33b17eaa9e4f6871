// The configuration file's schema: every key with its default and meaning. `postern.schema.json` and `docs/configuration.md` are held against it. Pure.

import { z } from 'zod';
import { durationPattern, parseDuration, parseSize, sizePattern } from './quantity.ts';

const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.union([item, z.array(item).min(1)]).transform((value) => (Array.isArray(value) ? value : [value]));

const durationHint = 'write a duration such as "250ms", "30s", "5m" or "1h"';
const duration = z
  .union([z.literal(0), z.string().regex(durationPattern, durationHint)], { error: durationHint })
  .transform((value) => parseDuration(String(value)));

const sizeHint = 'write a size such as "64KB", "128MB" or "1GB"';
const size = z
  .union([z.literal(0), z.string().regex(sizePattern, sizeHint)], { error: sizeHint })
  .transform((value) => parseSize(String(value)));

const count = z.int().min(0).max(1_000_000);
const score = z.number().min(0).max(1_000_000);
const text = z.string().min(1);
const setting = z.union([z.string(), z.number(), z.boolean()]);

const admin = z.strictObject({
  listen: text
    .prefault('127.0.0.1:2020')
    .meta({ description: 'Where the status page, /status, /metrics, /livez and /readyz are. Keep it on loopback.' }),
  hosts: z
    .array(text)
    .prefault([])
    .meta({ description: 'Names, besides localhost and IP addresses, that a request may give as its Host.' }),
});

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta({ description: 'The least level that is written.' }),
  file: text.optional().meta({
    description:
      'File that log lines (JSON, one a line) are added to, not through a symbolic link; "stdout" and "stderr" are those. USR1 reopens it.',
  }),
  access: z.boolean().prefault(true).meta({ description: 'Whether each request is logged.' }),
});

const variables = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable is letters, digits and "_"'), setting)
  // Numbers and booleans may stand in TOML without quotes.
  .transform((values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])))
  .prefault({});

const route = z.strictObject({
  match: oneOrMore(text).meta({
    description: 'What it is for: a suffix ("*.php"), a prefix ("/cgi-bin/*") or an exact path ("/status").',
  }),
  pool: text.optional().meta({ description: 'The pool that runs it, by its name in [pool.NAME].' }),
  files: z
    .literal(true)
    .optional()
    .meta({ description: 'Instead of pool: such paths are files, whatever other routes say.' }),
  deny: z.literal(true).optional().meta({ description: 'Instead of pool: such paths are answered 404.' }),
  streamUploads: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Passes bodies on as they arrive instead of when complete. Not for PHP.' }),
  env: variables.meta({ description: 'More CGI variables for these requests.' }),
});

const sendfile = z.strictObject({
  folder: text.meta({ description: 'The folder, from the folder of this file.' }),
  prefix: z
    .string()
    .regex(/^\/.*\/$/, 'write a path that begins and ends with "/"')
    .optional()
    .meta({ description: 'How X-Accel-Redirect calls it: "/protected/".' }),
});

const site = z.strictObject({
  listen: z
    .union([text, z.array(text)])
    .transform((value) => (Array.isArray(value) ? value : [value]))
    .prefault('127.0.0.1:8000')
    .meta({
      description:
        'Addresses: "127.0.0.1:8000", "[::1]:8000", ":8000" (all interfaces), "unix:/run/site.sock"; for FastCGI "fastcgi://127.0.0.1:9000", "fastcgi+unix:/run/app.sock". `[]`: none, for a program that embeds the site.',
    }),
  allowedClients: z
    .array(text)
    .prefault([])
    .meta({ description: 'For "fastcgi://": addresses and networks that may connect. Needed beyond loopback.' }),
  root: text.prefault('.').meta({ description: 'Folder of the files and scripts, from the folder of this file.' }),
  index: oneOrMore(text)
    .prefault(['index.php', 'index.html'])
    .meta({ description: 'Files that a folder is answered with; the first one that exists.' }),
  fallback: z
    .string()
    .regex(/^\//, 'write a path that begins with "/"')
    .optional()
    .meta({ description: 'Front controller: the script for paths that are neither file nor script.' }),
  maxBody: size.prefault('128MB').meta({ description: 'A larger request body is answered 413.' }),
  memoryBody: size
    .prefault('256KB')
    .meta({ description: 'A body up to this size stays in memory, a larger one goes to disk.' }),
  spoolFolder: text
    .optional()
    .meta({ description: "Folder for bodies on disk. Default: the system's temporary folder." }),
  bodyTimeout: duration
    .prefault('30s')
    .meta({ description: 'Longest pause between two pieces of a request body. 0: no limit.' }),
  writeTimeout: duration
    .prefault('60s')
    .meta({ description: 'Longest time that a client may take no byte of a waiting answer. 0: no limit.' }),
  env: variables.meta({ description: 'More CGI variables for every route.' }),
  linkFolders: z
    .array(text)
    .prefault([])
    .meta({ description: 'Folders outside the root that symbolic links in it may lead to; "/" allows all.' }),
  visibleDotNames: z
    .array(text)
    .prefault(['.well-known'])
    .meta({ description: 'Names that begin with a dot and are served nevertheless.' }),
  hiddenSuffixes: z
    .array(text)
    .prefault(['~', '.bak', '.swp', '.orig'])
    .meta({ description: 'Ends of file names that are never served or run.' }),
  trustedProxies: z.array(text).prefault([]).meta({
    description:
      'Addresses and networks of proxies whose X-Forwarded-* are believed; "unix" for sockets. Forwarded is not read.',
  }),
  sendfile: z.array(sendfile).prefault([]).meta({
    description: 'Folders that programs may send any file from with X-Sendfile or X-Accel-Redirect; hidden names too.',
  }),
  route: z.array(route).prefault([]).meta({ description: 'Which requests go where; the first that matches wins.' }),
});

const pool = z.strictObject({
  php: text
    .optional()
    .meta({ description: 'A managed PHP: "auto" finds one, "wasm" is embedded PHP, else the path of a php-cgi.' }),
  command: z
    .array(text)
    .min(1)
    .optional()
    .meta({ description: 'Any FastCGI program and its arguments, started as workers.' }),
  connect: oneOrMore(text)
    .optional()
    .meta({ description: 'FastCGI servers elsewhere; requests are spread over them.' }),
  cgi: z.literal(true).optional().meta({ description: 'Plain CGI: the matched file is run, one process a request.' }),
  app: text.optional().meta({ description: 'A TypeScript application, from the folder of this file.' }),
  workers: z.int().min(1).max(4096).prefault(8).meta({ description: 'Requests that run at a time, at most.' }),
  lanes: z.int().min(1).max(1024).optional().meta({
    description:
      'For command and app: requests that one process serves at a time, each on a connection of its own. Default: 1, or as many as threads.',
  }),
  threads: z.int().min(1).max(999).optional().meta({
    description:
      'For app: threads of each process that serve requests. Default: 1, as the application itself says, or POSTERN_THREADS of env.',
  }),
  reuse: z.enum(['always', 'bodiless', 'never']).optional().meta({
    description:
      'For command, app and connect: after which requests a connection is kept. "bodiless": those without a body. Default: "always", and "bodiless" with connect and for a program that is called php-cgi.',
  }),
  minWorkers: count.prefault(1).meta({ description: 'Workers kept ready without traffic.' }),
  queue: count.prefault(512).meta({ description: 'Requests that may wait for a worker. 0: none waits.' }),
  queueTimeout: duration.prefault('5s').meta({ description: 'How long one may wait before it is answered 503.' }),
  requestTimeout: duration
    .prefault('60s')
    .meta({ description: 'How long a request may run before its worker is killed.' }),
  idleTimeout: duration
    .prefault('5m')
    .meta({ description: 'A worker above minWorkers that was idle so long is stopped. 0: never.' }),
  maxRequests: count.prefault(0).meta({ description: 'A worker is replaced after so many requests. 0: never.' }),
  maxAge: duration.prefault(0).meta({ description: 'A worker is replaced at this age, when idle. 0: never.' }),
  maxMemory: size
    .prefault(0)
    .meta({ description: 'A worker is replaced when idle above this resident size. 0: never.' }),
  stopTimeout: duration.prefault('10s').meta({
    description:
      'How long a running request may go on when Postern stops or the pool is taken away, and SIGTERM has before SIGKILL. At a reload each request keeps its requestTimeout.',
  }),
  user: text.optional().meta({ description: 'User to run as, with its groups. Needs root.' }),
  allowRoot: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Lets the pool run as root when Postern does and no user is given.' }),
  cwd: text.optional().meta({ description: 'Working directory of the program, from the folder of this file.' }),
  env: variables.meta({ description: 'The environment of the workers, besides PATH. They never see that of Postern.' }),
  ini: z.record(text, setting).prefault({}).meta({ description: 'PHP only: settings of php.ini.' }),
  spawnScore: score.prefault(1).meta({ description: 'What each start adds to the score (FcgidSpawnScore).' }),
  terminationScore: score.prefault(2).meta({ description: 'What each end of a process adds (FcgidTerminationScore).' }),
  timeScore: score.prefault(1).meta({ description: 'What each second takes off (FcgidTimeScore).' }),
  spawnScoreUpLimit: score
    .prefault(10)
    .meta({ description: 'Nothing is started at this score or above (FcgidSpawnScoreUpLimit).' }),
});

const name = z.string().regex(/^[A-Za-z0-9_-]{1,40}$/, 'a name is 1 to 40 letters, digits, "-" and "_"');

/** The whole file. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().meta({ description: 'For editors; ignored.' }),
    admin: admin.optional().meta({ description: 'The admin listener; without this section there is none.' }),
    log: log.prefault({}).meta({ description: 'Where log lines go.' }),
    site: z.record(name, site).prefault({}).meta({ description: 'Sites by name.' }),
    pool: z.record(name, pool).prefault({}).meta({ description: 'Pools by name.' }),
  })
  .meta({ title: 'Postern configuration', description: 'postern.toml' });

/** A configuration as it is written: durations "30s", sizes "128MB". */
export type ConfigInput = z.input<typeof configSchema>;

/** A configuration as it was read: durations in milliseconds, sizes in bytes, defaults filled in. */
export type ConfigValues = z.output<typeof configSchema>;

/** One pool as it was read. */
export type PoolValues = z.output<typeof pool>;

/** One site as it was read. */
export type SiteValues = z.output<typeof site>;

/** One route as it was read. */
export type RouteValues = z.output<typeof route>;

/** The JSON Schema of the configuration file. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
