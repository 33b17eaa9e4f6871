// `postern request ADDRESS SCRIPT`: sends one FastCGI request and shows the answer.

import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Paint } from '../admin/formatting.ts';
import { formatDuration } from '../admin/formatting.ts';
import type { Answer, ClientRequest, Role, Timing } from '../client/index.ts';
import { exit, UsageError } from './exit-status.ts';
import { positiveNumber, repeatable, serverAddress } from './option-values.ts';
import type { Terminal } from './terminal.ts';

interface RequestOptions {
  readonly method?: string;
  readonly header: readonly string[];
  readonly data?: string;
  readonly param: readonly string[];
  readonly url?: string;
  readonly role: Role;
  readonly timeout: number;
  readonly include?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addRequest(program: Command, terminal: Terminal): void {
  program
    .command('request')
    .description('send one FastCGI request and show the answer; exit status 0 below 400')
    .argument('<address>', '"127.0.0.1:9000" or "unix:/run/php/fpm.sock"', serverAddress)
    .argument('<script>', "the script's file, as the application sees it; a query may follow: index.php?a=b")
    .option('-X, --method <method>', 'request method (default: GET, or POST with -d)')
    .option('-H, --header <line>', 'header field, "Name: value" (repeatable)', repeatable, [])
    .option('-d, --data <body>', 'body; "@FILE" reads a file, "@-" standard input')
    .option('-p, --param <pair>', 'CGI variable, "NAME=value" (repeatable)', repeatable, [])
    .option('--url <url>', 'path and query as in a request line (default: made from the script)')
    .addOption(
      new Option('--role <role>', 'role to ask for')
        .choices(['responder', 'authorizer', 'filter'])
        .default('responder'),
    )
    .option('--timeout <seconds>', 'longest time for the answer', positiveNumber, 60)
    .option('-i, --include', 'print the head too')
    .option('-v, --verbose', 'print the variables, the head and the timing (to standard error)')
    .option('--json', 'as JSON')
    .action((to: string, script: string, options: RequestOptions) => send(to, script, options, terminal));
}

async function send(to: string, script: string, options: RequestOptions, { out, err }: Terminal): Promise<void> {
  const request = requestOf(script, options);
  const { createClient, makeParams } = await import('../client/index.ts');
  const params = makeParams(request, request.body === undefined ? null : Buffer.byteLength(request.body as Buffer));
  if (options.verbose) err.write(formatParams(params, options.role, err.paint));
  const client = createClient({ address: to, idleTimeoutMs: 0, requestTimeoutMs: options.timeout * 1_000 });
  try {
    const answer = await client.request(request);
    if (answer.stderr.length > 0 && !options.json)
      err.write(`${err.paint('red', answer.stderr.toString().trimEnd())}\n`);
    if (options.json) out.write(`${JSON.stringify(asJson(answer, params), null, 2)}\n`);
    else {
      if (options.verbose) err.write(formatHead(answer, err.paint));
      if (options.include) out.write(formatHead(answer, out.paint));
      out.writeBytes(answer.body);
      if (options.verbose) err.write(`${out.isTerminal ? '\n' : ''}${err.paint('dim', formatTiming(answer.timing))}\n`);
    }
    process.exitCode = answer.status < 400 && answer.appStatus === 0 ? exit.fine : exit.failed;
  } finally {
    client.destroy();
  }
}

function requestOf(script: string, options: RequestOptions): ClientRequest {
  const [file = '', query] = script.split(/\?(.*)/s);
  const body = options.data === undefined ? undefined : bodyOf(options.data);
  const headers = Object.fromEntries(
    options.header.map((line) => pair(line, /^([^:\s]+):\s*(.*)$/s, 'a header is "Name: value"')),
  );
  const isForm = body !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    url: options.url ?? `/${basename(file)}${query === undefined ? '' : `?${query}`}`,
    script: resolve(file),
    headers: isForm ? { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' } : headers,
    params: Object.fromEntries(
      options.param.map((text) => pair(text, /^([^=]+)=(.*)$/s, 'a variable is "NAME=value"')),
    ),
    role: options.role,
    ...(body === undefined ? {} : { body }),
  };
}

function bodyOf(data: string): Buffer {
  if (!data.startsWith('@')) return Buffer.from(data);
  const file = data.slice(1);
  try {
    return readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw new UsageError(`the body cannot be read: ${(error as Error).message}`);
  }
}

function pair(text: string, pattern: RegExp, hint: string): [string, string] {
  const match = pattern.exec(text);
  if (match === null) throw new UsageError(`"${text}": ${hint}`);
  return [match[1]!, match[2]!];
}

function formatParams(params: Readonly<Record<string, string>>, role: Role, paint: Paint): string {
  const names = Object.keys(params).sort();
  const width = Math.max(0, ...names.map((name) => name.length));
  const lines = names.map((name) => `  ${paint('dim', name.padEnd(width))}  ${params[name]}`);
  return `${paint('bold', role)}\n${lines.join('\n')}\n\n`;
}

function formatHead({ status, reason, headers }: Answer, paint: Paint): string {
  const style = status < 400 ? 'green' : 'red';
  const lines = [...headers].map(([name, value]) => `${paint('cyan', name)}: ${value}`);
  return `${[paint(style, `${status} ${reason}`.trimEnd()), ...lines].join('\n')}\n\n`;
}

function formatTiming({ connectMs, firstByteMs, totalMs }: Timing): string {
  return `connect ${formatDuration(connectMs)}, first byte ${formatDuration(firstByteMs)}, total ${formatDuration(totalMs)}`;
}

function asJson(answer: Answer, params: Readonly<Record<string, string>>): object {
  const { status, reason, headers, appStatus, stderr, timing } = answer;
  return {
    status,
    reason,
    headers: [...headers],
    body: answer.text(),
    stderr: stderr.toString(),
    appStatus,
    timing,
    params,
  };
}
