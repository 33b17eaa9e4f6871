// A site and its routes: every key with its default and meaning. Pure.

import { z } from 'zod';
import { codings } from '../protocol/http/accept-encoding.ts';
import { duration, oneOrMore, size, text, urlPath, variables } from './key-types.ts';
import { rule } from './rule-schema.ts';
import { tlsKeys } from './tls-schema.ts';

const match = oneOrMore(text).meta({
  description:
    'What it is for: a suffix ("*.php", "*.{php,phtml}"), a prefix ("/cgi-bin/*"), both ("/uploads/*.php"), an exact path ("/status"), or, with deny, a name in any folder ("composer.json").',
});
const index = oneOrMore(text);
const routeRoot = text
  .optional()
  .meta({ description: 'A folder of its own, for a prefix: "/blog/a.php" is a.php in it. Default: that of the site.' });

const toPool = z
  .strictObject({
    match,
    pool: text.meta({ description: 'The pool that runs it, by its name in [pool.NAME].' }),
    root: routeRoot,
    index: index.optional().meta({ description: 'Files that a folder is answered with. Default: those of the site.' }),
    fallback: urlPath
      .optional()
      .meta({ description: 'Front controller of a prefix: the script for paths that are neither file nor script.' }),
    maxBody: size
      .optional()
      .meta({ description: 'A larger request body is answered 413. 0: no limit. Default: that of the site.' }),
    readTimeout: duration
      .optional()
      .meta({ description: 'The longest silence of the program. 0: no limit. Default: that of the pool.' }),
    requestTimeout: duration
      .optional()
      .meta({ description: 'How long such a request may run in all. 0: no limit. Default: that of the pool.' }),
    streamUploads: z
      .boolean()
      .prefault(false)
      .meta({ description: 'Passes bodies on as they arrive instead of when complete. Not for PHP.' }),
    env: variables.meta({ description: 'More CGI variables for these requests.' }),
  })
  .transform((values) => ({ kind: 'pool' as const, ...values }));

const toFiles = z
  .strictObject({
    match,
    files: z.literal(true).meta({ description: 'Such paths are files, whatever other routes say.' }),
    root: routeRoot,
    index: index.optional().meta({ description: 'Files that a folder is answered with. Default: those of the site.' }),
    source: z
      .boolean()
      .prefault(false)
      .meta({ description: "Hands out files whose names have a program's ending, too: their source." }),
  })
  .transform((values) => ({ kind: 'files' as const, ...values }));

const toNowhere = z
  .strictObject({
    match,
    deny: z.literal(true).meta({ description: 'Such paths are answered 404.' }),
  })
  .transform((values): DenyValues => ({ kind: 'deny', ...values }));

/** A route to nowhere as it was read; of a preset, where it has one. */
export interface DenyValues {
  readonly kind: 'deny';
  readonly match: string[];
  readonly deny: true;
  readonly preset?: string;
}

/** The kinds of route, by the key that says so. */
export const routeKinds = { pool: toPool, files: toFiles, deny: toNowhere } as const;

const route = z.xor([toPool, toFiles, toNowhere]);

export const sendfile = z.strictObject({
  folder: text.meta({ description: 'The folder, from the folder of this file.' }),
  prefix: z
    .string()
    .regex(/^\/.*\/$/, 'write a path that begins and ends with "/"')
    .optional()
    .meta({ description: 'How X-Accel-Redirect calls it: "/protected/".' }),
});

const isSocketFile = (address: string): boolean => /^(?:fastcgi\+)?unix:|^\//.test(address);

/** One address of a site, as it was read. */
export interface ListenValues {
  readonly address: string;
  /** Of a socket file; undefined: as it comes. */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly mode: number;
  /** Whether connections begin with the PROXY protocol. */
  readonly proxyProtocol: boolean;
}

const listenTable = z
  .strictObject({
    address: text.meta({ description: 'The address: "unix:/run/site.sock".' }),
    owner: text.optional().meta({ description: "Owner of a socket file. Default: Postern's user." }),
    group: text.optional().meta({ description: "Group of a socket file. Default: the owner's, or Postern's." }),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'write a mode such as "0660"')
      .optional()
      .meta({ description: 'Who may connect to a socket file. Default: "0660".' }),
    proxyProtocol: z
      .boolean()
      .prefault(false)
      .meta({ description: 'Connections begin with the PROXY protocol, which trustedProxies may speak.' }),
  })
  .refine(
    ({ address, owner, group, mode }) => isSocketFile(address) || (owner ?? group ?? mode) === undefined,
    'owner, group and mode are for socket files: take them out',
  )
  .transform(({ mode = '0660', ...rest }): ListenValues => ({ ...rest, mode: Number.parseInt(mode, 8) }));

const listen = z.union([text, listenTable]);

/** Media types that are compressed as a rule: others are compressed already, or not worth it. */
const compressedTypes = [
  ...['text/*', 'application/json', 'application/ld+json', 'application/manifest+json', 'application/problem+json'],
  ...[
    'application/javascript',
    'application/xml',
    'application/xhtml+xml',
    'application/rss+xml',
    'application/atom+xml',
  ],
  ...['application/wasm', 'application/vnd.ms-fontobject', 'font/ttf', 'font/otf', 'image/svg+xml', 'image/bmp'],
  ...['image/x-icon', 'image/vnd.microsoft.icon'],
];

const compressTable = z.strictObject({
  types: z
    .array(z.string().regex(/^[\w.+-]+\/(?:\*|[\w.+-]+)$/, 'write a media type such as "text/*" or "application/json"'))
    .prefault(compressedTypes)
    .meta({ description: 'Media types; "text/*" is all of a kind.' }),
  minSize: size.prefault('512B').meta({ description: 'Shorter answers are sent as they are.' }),
  codings: z
    .array(z.enum(codings))
    .min(1)
    .prefault([...codings])
    .meta({ description: 'Those that are used, the preferred ones first.' }),
  memory: size.prefault('32MB').meta({ description: 'What compressed files may take in memory. 0: none are kept.' }),
});

export const siteKeys = {
  listen: z
    .union([listen, z.array(listen)])
    .transform((value) => (Array.isArray(value) ? value : [value]).map((one) => toListen(one)))
    .prefault('127.0.0.1:8000')
    .meta({
      description:
        'Addresses: "127.0.0.1:8000", "[::1]:8000", ":8000" (all interfaces), "unix:/run/site.sock"; "https://:443" with TLS, where HTTP/2 is spoken; "h2c://127.0.0.1:8000", "h2c+unix:/run/site.sock": HTTP/2 without TLS, too, for a proxy that knows so; for FastCGI "fastcgi://127.0.0.1:9000", "fastcgi+unix:/run/app.sock". An address may be a table { address, proxyProtocol }, that of a socket file { address, owner, group, mode, proxyProtocol }; its mode is "0660" by default. `[]`: none, for a program that embeds the site.',
    }),
  ...tlsKeys,
  allowedClients: z
    .array(text)
    .prefault([])
    .meta({ description: 'For "fastcgi://": addresses and networks that may connect. Needed beyond loopback.' }),
  root: text.prefault('.').meta({ description: 'Folder of the files and scripts, from the folder of this file.' }),
  index: index
    .prefault(['index.php', 'index.html'])
    .meta({ description: 'Files that a folder is answered with; the first one that exists.' }),
  fallback: urlPath
    .optional()
    .meta({ description: 'Front controller: the script for paths that are neither file nor script.' }),
  preset: text.optional().meta({
    description:
      'The application that it is: "wordpress", "drupal", "joomla", "mediawiki", "dokuwiki", "nextcloud", "phpbb", "matomo", "moodle", "laravel" or "symfony". Its rules and routes are added.',
  }),
  compress: z
    .union([z.boolean(), compressTable])
    .transform((value) => (typeof value !== 'boolean' ? value : value ? compressTable.parse({}) : null))
    .prefault(false)
    .meta({
      description:
        'Whether answers are compressed with zstd, brotli or gzip, as the client likes; or a table { types, minSize, codings, memory }.',
    }),
  maxBody: size.prefault('128MB').meta({ description: 'A larger request body is answered 413. 0: no limit.' }),
  memoryBody: size
    .prefault('256KB')
    .meta({ description: 'A request body up to this size stays in memory, a larger one goes to disk. 0: no limit.' }),
  spoolFolder: text
    .optional()
    .meta({ description: "Folder for bodies on disk. Default: the system's temporary folder." }),
  memoryAnswer: size.prefault('256KB').meta({
    description: 'What of an answer a slow client may leave in memory; more of it goes to disk. 0: no limit.',
  }),
  spoolAnswer: size
    .prefault('64MB')
    .meta({ description: 'What of an answer may lie on disk, before its program has to wait. 0: no limit.' }),
  spoolAnswers: size
    .prefault('1GB')
    .meta({ description: 'The same of all answers of the site together. 0: no limit.' }),
  bodyTimeout: duration
    .prefault('30s')
    .meta({ description: 'Longest pause between two pieces of a request body. 0: no limit.' }),
  writeTimeout: duration
    .prefault('60s')
    .meta({ description: 'Longest time that a client may take no byte of a waiting answer. 0: no limit.' }),
  accessLog: text.optional().meta({
    description:
      'File of its access lines, not through a symbolic link; "off" is none. Default: lines of JSON in the log of the service.',
  }),
  accessFormat: text.optional().meta({
    description:
      'How lines of accessLog are written: "json", "combined", "common", or a format with the letters of PHP-FPM (access.format). Default: "json".',
  }),
  traceparent: z.boolean().prefault(false).meta({
    description:
      'Whether a request that comes without a traceparent gets one (HTTP_TRACEPARENT, and traceId in the access log).',
  }),
  pathCache: duration.prefault('1s').meta({
    description: 'How long a path that was looked up on disk is believed to be as it was. 0: looked up each time.',
  }),
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
    .prefault([
      ...['~', '.bak', '.swp', '.swo', '.orig', '.old', '.save', '.rej'],
      ...['.dpkg-old', '.dpkg-dist', '.dpkg-new', '.rpmsave', '.rpmnew', '.rpmorig'],
      ...['.sql', '.log', '.ini'],
    ])
    .meta({ description: 'Ends of names that are never served or run, in either case of letters.' }),
  hiddenNames: z
    .array(text)
    .prefault(['composer.json', 'composer.lock', 'package.json', 'package-lock.json', 'web.config', 'error_log'])
    .meta({ description: 'Names that are never served or run.' }),
  visibleNames: z
    .array(text)
    .prefault([])
    .meta({ description: 'Names that are served though hiddenSuffixes or hiddenNames hide them.' }),
  trustedProxies: z.array(text).prefault([]).meta({
    description:
      'Addresses and networks of proxies that are believed what they say of their clients, by proxyFields or the PROXY protocol; "unix" for sockets.',
  }),
  trustedPeers: z.array(text).prefault([]).meta({
    description:
      'For "fastcgi://": addresses and networks of web servers that may set PHP_VALUE and PHP_ADMIN_VALUE, and the environment of CGI programs; "unix" for sockets.',
  }),
};

/** A site with its routes. */
export const site = z.strictObject({
  ...siteKeys,
  sendfile: z.array(sendfile).prefault([]).meta({
    description: 'Folders that programs may send any file from with X-Sendfile or X-Accel-Redirect; hidden names too.',
  }),
  rule: z.array(rule).prefault([]).meta({ description: 'What is asked before the routes, in order.' }),
  route: z.array(route).prefault([]).meta({ description: 'Which requests go where; the first that matches wins.' }),
});

/** One site as it was read. */
export type SiteValues = z.output<typeof site>;

/** One route as it was read. */
export type RouteValues = z.output<typeof route>;

function toListen(written: string | ListenValues): ListenValues {
  return typeof written === 'string' ? { address: written, mode: 0o660, proxyProtocol: false } : written;
}
