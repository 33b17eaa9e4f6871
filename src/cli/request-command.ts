// `postern request ADDRESS SCRIPT`: sends one FastCGI request and shows the answer.

import { createReadStream, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { formatDuration, type Paint } from '../admin/formatting.ts';
import type { Answer, AnswerEnd, AnswerHead, Client, ClientRequest, Role, Timing } from '../client/index.ts';
import { exit, UsageError } from './exit-status.ts';
import { repeatable, serverAddress, wholeNumber } from './option-values.ts';
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
    .option('--timeout <seconds>', 'longest time for the whole answer; 0: any', wholeNumber, 60)
    .option('-i, --include', 'print the head too')
    .option('-v, --verbose', 'print the variables, the head and the timing (to standard error)')
    .option('--json', 'as JSON')
    .action((to: string, script: string, options: RequestOptions) => send(to, script, options, terminal));
}

async function send(to: string, script: string, options: RequestOptions, terminal: Terminal): Promise<void> {
  const request = requestOf(script, options);
  const { createClient, makeParams } = await import('../client/index.ts');
  const params = makeParams(request, request.bodyBytes ?? null);
  if (options.verbose) terminal.err.write(formatParams(params, options.role, terminal.err.paint));
  const client = createClient({ address: to, idleTimeoutMs: 0, requestTimeoutMs: options.timeout * 1_000 });
  try {
    const { status, appStatus } = options.json
      ? await showJson(client, request, params, terminal)
      : await showAsItComes(client, request, options, terminal);
    process.exitCode = status < 400 && appStatus === 0 ? exit.fine : exit.failed;
  } finally {
    client.destroy();
  }
}

type Ended = Pick<AnswerHead, 'status'> & Pick<AnswerEnd, 'appStatus'>;

async function showJson(
  client: Client,
  request: ClientRequest,
  params: Readonly<Record<string, string>>,
  { out }: Terminal,
): Promise<Ended> {
  const answer = await client.request(request);
  out.write(`${JSON.stringify(asJson(answer, params), null, 2)}\n`);
  return answer;
}

/** Each piece is printed when it comes; the application waits where whoever reads it does. */
async function showAsItComes(
  client: Client,
  request: ClientRequest,
  { verbose, include }: RequestOptions,
  { out, err }: Terminal,
): Promise<Ended> {
  const answer = await client.stream(request);
  // The body fails with it, and that is caught below.
  answer.ended.catch(() => {});
  if (verbose) err.write(formatHead(answer, err.paint));
  if (include) out.write(formatHead(answer, out.paint));
  for await (const piece of answer.body) {
    // Whoever reads it has enough of it.
    if (!(await out.writeBytes(piece as Buffer))) return { status: answer.status, appStatus: 0 };
  }
  const { appStatus, stderr, timing } = await answer.ended;
  if (stderr.length > 0) err.write(`${err.paint('red', stderr.toString().trimEnd())}\n`);
  if (verbose) err.write(`${out.isTerminal ? '\n' : ''}${err.paint('dim', formatTiming(timing))}\n`);
  return { status: answer.status, appStatus };
}

function requestOf(script: string, options: RequestOptions): ClientRequest {
  const [file = '', query] = script.split(/\?(.*)/s);
  const body = options.data === undefined ? null : bodyOf(options.data);
  const headers = Object.fromEntries(
    options.header.map((line) => pair(line, /^([^:\s]+):\s*(.*)$/s, 'a header is "Name: value"')),
  );
  const isForm = body !== null && !Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  return {
    method: options.method ?? (body === null ? 'GET' : 'POST'),
    url: options.url ?? `/${basename(file)}${query === undefined ? '' : `?${query}`}`,
    script: resolve(file),
    headers: isForm ? { ...headers, 'Content-Type': 'application/x-www-form-urlencoded' } : headers,
    params: Object.fromEntries(
      options.param.map((text) => pair(text, /^([^=]+)=(.*)$/s, 'a variable is "NAME=value"')),
    ),
    role: options.role,
    ...body,
  };
}

/** A file is read while it is sent. */
function bodyOf(data: string): Required<Pick<ClientRequest, 'body' | 'bodyBytes'>> {
  if (!data.startsWith('@')) return whole(Buffer.from(data));
  const file = data.slice(1);
  try {
    // What comes by a pipe has no length before its end.
    if (file === '-') return whole(readFileSync(0));
    const stat = statSync(file);
    return stat.isFile() ? { body: createReadStream(file), bodyBytes: stat.size } : whole(readFileSync(file));
  } catch (error) {
    throw new UsageError(`the body cannot be read: ${(error as Error).message}`);
  }
}

const whole = (body: Buffer) => ({ body, bodyBytes: body.length });

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

function formatHead({ status, reason, headers }: AnswerHead, paint: Paint): string {
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
