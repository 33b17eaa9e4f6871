// A rule of a site: every key with its meaning. Pure.

import { z } from 'zod';
import { authorizerRoles } from '../rules/rule.ts';
import { duration, oneOrMore, text, urlPath } from './key-types.ts';

const rateHint = 'write a rate such as "10/s", "100/min" or "1000/h"';

const limitKeys = z.strictObject({
  rate: z
    .string()
    .regex(/^\d+ ?r?\/(?:s|m|min|h)$/, rateHint)
    .optional()
    .meta({ description: 'Requests: "10/min".' }),
  burst: z.int().min(0).max(1_000_000).prefault(0).meta({ description: 'More that may come at once.' }),
  connections: z.int().min(0).max(1_000_000).prefault(0).meta({ description: 'Requests that may run at a time.' }),
  by: z.enum(['address', 'network']).prefault('address').meta({ description: 'What counts as one client.' }),
});

const realm = z
  .string()
  .regex(/^[\x20-\x7e]+$/, 'write it in plain ASCII')
  .prefault('Restricted')
  .meta({ description: 'What a browser shows.' });

const authFile = z.strictObject({ realm, file: text.meta({ description: 'An htpasswd file.' }) });

const authPool = z.strictObject({
  realm,
  pool: text.meta({ description: 'The pool of a FastCGI authorizer.' }),
  role: z.enum(authorizerRoles).prefault('authorizer').meta({ description: 'What it is asked for.' }),
});

const proxyHint = 'write "http://host:port", "https://host" or "unix:/path"';
const proxyUrl = z.string().regex(/^(?:https?:\/\/[^/?#\s]+\/?|unix:\S+)$/, proxyHint);

const proxyTable = z.strictObject({
  url: proxyUrl.meta({ description: 'The server.' }),
  host: text.optional().meta({ description: 'The Host that it is told. Default: that of the client.' }),
  connectTimeout: duration.prefault('5s').meta({ description: 'How long connecting may take.' }),
  readTimeout: duration.prefault('60s').meta({ description: 'The longest silence of the server. 0: no limit.' }),
  streamUploads: z.boolean().prefault(false).meta({ description: 'Passes bodies on as they arrive.' }),
});

const header = z
  .record(z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, 'this is no name of a field'), oneOrMore(z.string()))
  .optional();

const statusText = z.union([z.int().min(200).max(599), z.string().regex(/^(?:[2-5]xx|all)$/)], {
  error: 'write a status such as 404, "5xx" or "all"',
});

const ruleKeys = z.strictObject({
  match: oneOrMore(text).optional().meta({
    description:
      'Which paths it takes: "/x", "/x/*", "*.css", "/uploads/*.php", "/a/*/b", "/user/{id}" or a name in any folder; "{a,b}" is either.',
  }),
  regex: text
    .optional()
    .meta({ description: "In place of match: a regular expression in RE2's syntax, held against the path." }),
  method: oneOrMore(text).optional().meta({ description: 'Which methods it takes. Default: all.' }),
  redirect: text.optional().meta({ description: 'Where the client is sent: "/new/$1", "https://$host$path".' }),
  rewrite: text.optional().meta({ description: 'What the request becomes inside: "/x.php?p=$1".' }),
  try: z.array(text).min(2).optional().meta({
    description:
      'The first of these that is there; the last is the fallback, a path or "=404": ["$path", "$path/", "/index.php"].',
  }),
  proxy: z
    .union([proxyUrl, proxyTable], { error: proxyHint })
    .transform((value) => (typeof value === 'string' ? proxyTable.parse({ url: value }) : value))
    .optional()
    .meta({
      description:
        'An HTTP server that answers, WebSocket too: "http://127.0.0.1:5173", "unix:/run/app.sock", or a table { url, host, connectTimeout, readTimeout, streamUploads }.',
    }),
  status: z.int().optional().meta({
    description: 'Of a redirect: 301, 302, 303, 307 or 308. Alone: what is answered, 403, 404, 410 or 503.',
  }),
  header: header.meta({ description: 'Fields of the answer that are set; a list sets several.' }),
  addHeader: header.meta({ description: 'Fields that are added to those that are there.' }),
  removeHeader: oneOrMore(text).optional().meta({ description: 'Fields that are taken out.' }),
  expires: duration.optional().meta({ description: 'How long caches may keep it: "30d". 0: they ask each time.' }),
  onStatus: oneOrMore(statusText).optional().meta({
    description:
      'For which answers header, addHeader, removeHeader and expires are: 404, "5xx", "all". Default: all; about caching 2xx and 3xx.',
  }),
  allow: oneOrMore(text)
    .optional()
    .meta({ description: 'Only clients with these addresses and networks; "all", "unix".' }),
  deny: oneOrMore(text).optional().meta({ description: 'No clients with these; wins over allow.' }),
  auth: z.union([authFile, authPool]).optional().meta({
    description:
      'Who may: { realm, file } asks for a password of an htpasswd file, { pool, role, realm } asks a FastCGI authorizer.',
  }),
  satisfy: z
    .enum(['all', 'any'])
    .prefault('all')
    .meta({ description: 'any: an allowed address needs no password, and a right password no allowed address.' }),
  limit: z
    .union([limitKeys, z.string().regex(/^\d+ ?r?\/(?:s|m|min|h)$/, rateHint)], { error: rateHint })
    .transform((value) => (typeof value === 'string' ? limitKeys.parse({ rate: value }) : value))
    .optional()
    .meta({
      description:
        'What one client may ask for: "10/min", or a table { rate, burst, connections, by = "network" }. More is 429.',
    }),
  errorPages: z
    .record(z.string().regex(/^(?:[45]\d\d|[45]xx)$/, 'write a status such as 404 or "5xx"'), urlPath)
    .optional()
    .meta({
      description: 'Files or scripts in place of our own pages: { 404 = "/404.html", 5xx = "/oops.php" }.',
    }),
  listing: z.boolean().optional().meta({ description: 'Whether a folder without an index is listed.' }),
});

/** One rule; it has its name from where it stands. */
export const rule = ruleKeys.transform((values) => ({ name: '', ...values }));

/** One rule as it was read. */
export type RuleValues = z.output<typeof rule>;
