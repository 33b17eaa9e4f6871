// The command line as a way in: one request made of arguments, its answer printed.

import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { makeEnvironment } from '../protocol/cgi/environment.ts';
import { type CgiRequest, isIdempotent, type RequestBody } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-variables.ts';
import { type CommandLine, UsageError } from './arguments.ts';

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
