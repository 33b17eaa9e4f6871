// The configuration file's schema: its sections, and the JSON Schema for editors. `postern.schema.json` and `docs/configuration.md` are held against it. Pure.

import { z } from 'zod';
import { acme } from './acme-schema.ts';
import { count, duration, sectionKey, size, text } from './key-types.ts';
import { pool } from './pool-schema.ts';
import { site } from './site-schema.ts';
import { mostFrontThreads } from './thread-count.ts';

export const service = z.strictObject({
  user: text.optional().meta({
    description:
      'Who serves when Postern is started as root; root keeps only the launcher, which takes no request. Default: "www-data", or else "nobody". "root": all of it runs as root.',
  }),
  threads: z
    .union([z.literal('auto'), z.int().min(1).max(mostFrontThreads)])
    .optional()
    .meta({
      description:
        'Front threads: each accepts, parses and answers. "auto": as many as there are processors. 1: the main thread does it all. Default: 1.',
    }),
  maxConnections: count.prefault(0).meta({
    description:
      'Connections of clients at a time, in all. 0: no limit but that of descriptors, of which half, 512 at most, are kept.',
  }),
  maxConnectionsPerClient: count
    .prefault(0)
    .meta({ description: 'Connections at a time of one client address. 0: no limit.' }),
  minBodyRate: size.prefault('500B').meta({
    description: 'Bytes a second that a request body must come with, on average, or it is answered 408. 0: no limit.',
  }),
  headTimeout: duration
    .prefault('30s')
    .meta({ description: 'How long the head of a request may take, or it is answered 408. 0: no limit.' }),
  keepAliveTimeout: duration
    .prefault('75s')
    .meta({ description: 'How long a connection may wait for its next request. 0: no limit.' }),
  maxRequests: count
    .prefault(0)
    .meta({ description: 'Requests of one connection; the last one ends it. 0: no limit.' }),
  memoryBodies: size.prefault('64MB').meta({
    description: 'Request bodies held in memory, in all; above it each goes to disk. 0: no limit.',
  }),
});

export const admin = z.strictObject({
  listen: text
    .prefault('127.0.0.1:2020')
    .meta({ description: 'Where the dashboard, /status, /metrics, /livez and /readyz are. Keep it on loopback.' }),
  hosts: z
    .array(text)
    .prefault([])
    .meta({ description: 'Names, besides localhost and IP addresses, that a request may give as its Host.' }),
  token: text.optional().meta({
    description:
      'Who knows it may reload, recycle, drain and end requests on the dashboard; 16 characters or more. Without it, and without tokenFile, nobody may.',
  }),
  tokenFile: text
    .optional()
    .meta({ description: 'A file that holds the token. Read at the start and at each reload.' }),
});

export const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error'])
    .prefault('info')
    .meta({ description: 'The least level that is written.' }),
  file: text.optional().meta({
    description:
      'File that log lines (JSON, one a line) are added to, not through a symbolic link; "stdout" and "stderr" are those. USR1 reopens it.',
  }),
  format: z
    .enum(['auto', 'json', 'text'])
    .prefault('auto')
    .meta({ description: 'Lines of JSON, or short lines for people; "auto" writes text on a terminal.' }),
  access: z.boolean().prefault(true).meta({ description: 'Whether each request is logged.' }),
});

/** The whole file. */
export const configSchema = z
  .strictObject({
    $schema: z.string().optional().meta({ description: 'For editors; ignored.' }),
    service: service.prefault({}).meta({ description: 'What holds for all sites.' }),
    admin: admin.optional().meta({ description: 'The admin listener; without this section there is none.' }),
    acme: acme.prefault({}).meta({ description: 'From whom sites with tls = "auto" get their certificates.' }),
    log: log.prefault({}).meta({ description: 'Where log lines go.' }),
    site: z.record(sectionKey, site).prefault({}).meta({ description: 'Sites by name.' }),
    pool: z.record(sectionKey, pool).prefault({}).meta({ description: 'Pools by name; each is one of five kinds.' }),
  })
  .meta({ title: 'Postern configuration', description: 'postern.toml' });

/** A configuration as it is written: durations "30s", sizes "128MB". */
export type ConfigInput = z.input<typeof configSchema>;

/** A configuration as it was read: durations in milliseconds, sizes in bytes, defaults filled in; 0 is "no limit". */
export type ConfigValues = z.output<typeof configSchema>;

/** The JSON Schema of the configuration file. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
