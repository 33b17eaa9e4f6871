// The command line of an application: where to listen, or a request to run, which is made of its arguments.

import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { makeEnvironment } from '../protocol/cgi/environment.ts';
import { type CgiRequest, isIdempotent, type RequestBody, type Role } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-variables.ts';

/** What a command line asks for. */
export interface CommandLine {
  /** "/path?q=1", or an absolute URL; null: none is named. */
  readonly target: string | null;
  readonly method: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  /** The body's text, "@FILE", or "@-" for standard input; null: there is none. */
  readonly body: string | null;
  readonly role: Role;
  /** The file that a filter works on; null: there is none. */
  readonly dataFile: string | null;
  /** Whether the head of the answer is printed too. */
  readonly isHeadPrinted: boolean;
  readonly listen: string | undefined;
  readonly threads: number | undefined;
  readonly isHelpAsked: boolean;
}

/** A command line that cannot be meant: shown without a stack, exit status 2. */
export class UsageError extends TypeError {
  override readonly name = 'UsageError';
}

/** What `--help` prints. */
export const usage = `Usage: node APP [PATH] [options]        run one request and print its answer
       node APP --listen ADDRESS [options]   serve FastCGI

  -X, --method METHOD    request method (GET, or POST with -d)
  -H, --header 'N: V'    a request header; may be repeated
  -d, --data DATA        request body; @FILE reads it from a file, @- from standard input
  -i, --include          print the head of the answer too
      --url URL          the same as PATH
      --role ROLE        responder, authorizer or filter
      --data-file FILE   the file that a filter works on
      --listen ADDRESS   HOST:PORT, PORT or unix:/PATH
      --threads N        serve in N threads
`;

const options = {
  method: { type: 'string', short: 'X' },
  header: { type: 'string', short: 'H', multiple: true },
  data: { type: 'string', short: 'd' },
  include: { type: 'boolean', short: 'i' },
  url: { type: 'string' },
  role: { type: 'string' },
  'data-file': { type: 'string' },
  listen: { type: 'string' },
  threads: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws UsageError, or the TypeError of `parseArgs`; either has a message for the user */
export function parseCommandLine(parameters: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({ args: [...parameters], options, allowPositionals: true });
  if (positionals.length > 1) throw new UsageError(`one path is wanted, and ${positionals.length} are given`);
  const role = values.role ?? 'responder';
  if (role !== 'responder' && role !== 'authorizer' && role !== 'filter') {
    throw new UsageError(`--role is responder, authorizer or filter, and not "${role}"`);
  }
  const threads = values.threads;
  if (threads !== undefined && !/^[1-9]\d{0,2}$/.test(threads)) {
    throw new UsageError(`--threads is a number from 1 to 999, and not "${threads}"`);
  }
  return {
    target: targetOf(values.url ?? positionals[0]),
    method: values.method ?? (values.data === undefined ? 'GET' : 'POST'),
    headers: (values.header ?? []).flatMap(splitHeader),
    body: values.data ?? null,
    role,
    dataFile: values['data-file'] ?? null,
    isHeadPrinted: values.include ?? false,
    listen: values.listen,
    threads: threads === undefined ? undefined : Number(threads),
    isHelpAsked: values.help ?? false,
  };
}

/** The request that a command line asks for. @throws UsageError when a file that it names cannot be read */
export async function cliRequest(line: CommandLine, stdin: () => Readable): Promise<CgiRequest> {
  const url = new URL(line.target ?? '/', 'http://localhost');
  const target = url.pathname + url.search;
  const body = await bodyOf(line.body, stdin);
  const headers = line.headers.map((text) => Buffer.from(text, 'utf8').toString('latin1'));
  if (!hasHeader(headers, 'host')) headers.push('Host', url.host);
  if (body !== null && !hasHeader(headers, 'content-type')) {
    headers.push('Content-Type', 'application/x-www-form-urlencoded');
  }
  const data = await dataOf(line.dataFile);
  const environment = makeEnvironment(
    {
      method: line.method,
      target,
      version: '1.1',
      headers,
      query: url.search.slice(1),
      scriptName: '',
      pathInfo: decodePath(url.pathname),
      scriptFile: null,
      documentRoot: null,
      contentLength: body?.length ?? null,
      serverName: url.hostname,
      serverPort: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      serverAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      remotePort: 0,
      secure: url.protocol === 'https:',
      configured: data?.variables ?? {},
    },
    new HeaderNames(),
  );
  return {
    role: line.role,
    environment,
    body,
    data: data?.body ?? null,
    method: line.method,
    url: target,
    idempotent: isIdempotent(line.method),
  };
}

function targetOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (text.startsWith('/') || /^https?:\/\//.test(text)) return text;
  throw new UsageError(`"${text}" is no path: it begins with / or http://`);
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon <= 0) throw new UsageError(`"${line}" is no header: write 'Name: value'`);
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}

async function bodyOf(text: string | null, stdin: () => Readable): Promise<RequestBody | null> {
  if (text === null) return null;
  if (text === '@-') return memoryBody(Buffer.concat(await stdin().toArray()));
  if (text.startsWith('@')) return memoryBody(await given('--data', () => readFile(text.slice(1))));
  return memoryBody(Buffer.from(text));
}

async function dataOf(file: string | null): Promise<{ body: RequestBody; variables: Record<string, string> } | null> {
  if (file === null) return null;
  const { mtimeMs, size } = await given('--data-file', () => stat(file));
  const variables = { FCGI_DATA_LENGTH: String(size), FCGI_DATA_LAST_MOD: String(Math.floor(mtimeMs / 1_000)) };
  return { body: memoryBody(await given('--data-file', () => readFile(file))), variables };
}

/** What an option's file gives. */
async function given<Value>(option: string, read: () => Promise<Value>): Promise<Value> {
  try {
    return await read();
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`);
  }
}

function hasHeader(headers: readonly string[], name: string): boolean {
  return headers.some((text, index) => index % 2 === 0 && text.toLowerCase() === name);
}

/** Percent-decoded, as a byte string. */
function decodePath(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Bytes as a body. */
function memoryBody(bytes: Uint8Array): RequestBody {
  return {
    length: bytes.length,
    bytes,
    replayable: true,
    stream: () => Readable.from([Buffer.from(bytes)], { objectMode: false }),
  };
}
