// The command line of an application: a request to run, or where to listen. Pure.

import { parseArgs } from 'node:util';
import type { Role } from '../protocol/cgi/exchange.ts';

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
