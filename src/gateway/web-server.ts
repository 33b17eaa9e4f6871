// What a web server in front has decided of a request (a FastCGI front, in PHP-FPM's place): which file runs, and the variables of its environment.
//
// 1. SCRIPT_FILENAME names the file, if it is under our root; each spelling of Apache's mod_proxy_fcgi counts.
// 2. Where the web server's root is not on this machine, or it sends no SCRIPT_FILENAME, SCRIPT_NAME and PATH_INFO name it under our root.
// 3. What is named so goes through our routes and checks as any path does: a file outside of the root is never run.
// 4. REQUEST_URI decides nothing. It and every other variable reach the program as they are, but for what we worked out, and
//    for the settings that only trusted peers may give.

import { existsSync } from 'node:fs';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { encodePath, parseTarget, type RequestPath } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { WebServerRequest } from './message.ts';
import { matchRoute, type Routing } from './routing.ts';
import { type Decision, decide, type Run } from './script.ts';

/** PHP takes these as settings: whoever sends them runs code. */
const settings = /^PHP_(?:ADMIN_)?(?:VALUE|FLAG)$/i;

/** Fields of a client that gateways and programs talk to each other with, and those that have a variable of their own. */
const forgedFields = /^HTTP_(?:PROXY|REDIRECT_.*|X_SENDFILE.*|X_ACCEL_.*|CONTENT_LENGTH|CONTENT_TYPE)$/i;

/** Variables of CGI, and those of web servers that cannot turn a program into another one: suexec's list. */
const harmless =
  /^(?:(?:HTTP|SSL|TLS|REDIRECT|REMOTE|SERVER|SCRIPT|REQUEST|DOCUMENT|CONTENT|CONTEXT|PATH_(?:INFO|TRANSLATED)$|QUERY_STRING|GEOIP)[A-Z0-9_]*|AUTH_TYPE|GATEWAY_INTERFACE|HTTPS|UNIQUE_ID|FCGI_ROLE|ORIG_[A-Z_]+)$/;

/** What our own look at the request gives, whatever the web server says. */
const workedOut = ['SCRIPT_NAME', 'SCRIPT_FILENAME', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_METHOD'] as const;

/** What programs count on, where the web server leaves it out. */
const needed = [
  'GATEWAY_INTERFACE',
  'SERVER_SOFTWARE',
  'SERVER_PROTOCOL',
  'SERVER_NAME',
  'SERVER_PORT',
  'REMOTE_ADDR',
  'REQUEST_URI',
  'DOCUMENT_ROOT',
] as const;

/** What a trusted proxy in front of the web server knows better. */
const ofProxies = ['REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_NAME', 'SERVER_PORT', 'REQUEST_SCHEME', 'HTTPS'] as const;

/**
 * Decides what answers the request.
 * @throws BAD_REQUEST for a path that cannot be
 */
export function decideForWebServer(
  routing: Routing,
  variables: Environment,
): { target: RequestPath; decision: Decision } {
  const { SCRIPT_NAME: name = '', PATH_INFO: info = '', SCRIPT_FILENAME: file = '' } = variables;
  const target = parsePath(name + info || '/', variables.QUERY_STRING ?? '');
  const byName = () => ({ target, decision: decide(routing, target) });
  const kind = matchRoute(routing.routes, target.path)?.route.kind;
  if (routing.pages?.has(target.path)) return byName();
  if (file === '' || kind === 'mount' || kind === 'deny') return byName();
  const { path } = parsePath(plainPath(file), '');
  const found = placeOf(routing, path);
  if (found === null) {
    const { DOCUMENT_ROOT: folder = '' } = variables;
    // A web server in another container: its folders are not here. A folder that is here was meant, and is not ours to show.
    const isElsewhere = folder !== '' && path === parsePath(folder + name, '').path && !existsSync(folder);
    if (isElsewhere || routing.place.root === null) return byName();
    const why = `the web server chose ${bytesToLog(path, 255)}, which is not under the root`;
    return { target, decision: { kind: 'refuse', code: 'NOT_FOUND', why } };
  }
  const { folder, prefix } = found;
  const chosen = parsePath(prefix + path.slice(folder.length) || '/', target.query);
  const decision = decide(routing, chosen);
  const isChosen = decision.kind === 'run' && decision.scriptName + decision.pathInfo === chosen.path;
  if (!isChosen) return { target: chosen, decision };
  const scriptFile = decision.scriptFile === null ? null : folder + decision.scriptName.slice(prefix.length);
  return { target: chosen, decision: asNamed({ ...decision, scriptFile }, name, info) };
}

/** Under which root a file is, as the web server writes that root, and where the root is in URLs; null: under none. */
function placeOf(
  { routes, place }: Routing,
  path: string,
): { readonly folder: string; readonly prefix: string } | null {
  for (const { pattern, place: at } of [...routes, { pattern: null, place }]) {
    const folder = at.root?.spellings.find((spelling) => path === spelling || path.startsWith(`${spelling}/`));
    if (folder === undefined) continue;
    const below = pattern?.kind === 'prefix' ? pattern.text : pattern?.kind === 'suffix' ? pattern.below : '';
    return { folder, prefix: below.slice(0, at.prefixLength) };
  }
  return null;
}

/**
 * The environment of what runs: the web server's variables, with what we worked out, and what the configuration adds.
 * @param computed the environment of the same request without the web server's variables
 * @param isBehindProxy whether a trusted proxy was believed
 */
export function passedOn(
  { variables }: WebServerRequest,
  computed: Environment,
  configured: Readonly<Record<string, string>>,
  isTrusted: boolean,
  isBehindProxy: boolean,
): Environment {
  const environment: Environment = {};
  for (const name in variables) if (name.startsWith('HTTP_') && isPassedOn(name)) environment[name] = variables[name]!;
  Object.assign(environment, configured);
  for (const name in variables) {
    if (name.startsWith('HTTP_') || !isPassedOn(name) || (!isTrusted && settings.test(name))) continue;
    environment[name] = variables[name]!;
  }
  for (const name of workedOut) set(environment, name, computed[name]);
  // nginx sends what has no value as an empty text, and programs behind it are used to that.
  if (computed.PATH_INFO === undefined && variables.PATH_INFO === '') environment.PATH_INFO = '';
  // Of no body it tells in ways of its own: "0", an empty text, or not at all.
  const isEmpty = Number(computed.CONTENT_LENGTH ?? 0) === 0 && Number(environment.CONTENT_LENGTH ?? 0) === 0;
  if (!isEmpty) set(environment, 'CONTENT_LENGTH', computed.CONTENT_LENGTH);
  for (const name of needed) if (environment[name] === undefined) set(environment, name, computed[name]);
  // With it, php-cgi that fixes paths takes PATH_INFO for a part of the script's name.
  if (environment.PATH_INFO) delete environment.REDIRECT_URL;
  const { DOCUMENT_ROOT: root } = computed;
  // A root of the web server's that is not ours says nothing of the file that runs.
  if (root !== undefined && !isFolderOf(environment.DOCUMENT_ROOT!, environment.SCRIPT_FILENAME)) {
    environment.DOCUMENT_ROOT = root;
  }
  if (isBehindProxy) for (const name of ofProxies) set(environment, name, computed[name]);
  return environment;
}

/** What a program that gets its variables as the environment of its process is not to get from a web server that is not trusted: a loader or an interpreter would obey it. */
export function foreignNames({ variables }: WebServerRequest): readonly string[] {
  return Object.keys(variables).filter((name) => !harmless.test(name));
}

/** The run under the names that the web server gave it. */
function asNamed(run: Run, name: string, info: string): Run {
  if (run.pathInfo === '') return { ...run, scriptName: name || run.scriptName, pathInfo: info };
  // Apache's ProxyPass and nginx without fastcgi_split_path_info leave PATH_INFO in both names; Apache encodes it in that of the file.
  const whole = name + info;
  const tail = [run.pathInfo, decoded(run.pathInfo)].find((text) => text !== '' && whole.endsWith(text));
  if (tail !== undefined) return { ...run, scriptName: whole.slice(0, -tail.length) };
  return { ...run, scriptName: name || run.scriptName, pathInfo: info };
}

/** SCRIPT_FILENAME as a path, from "proxy:fcgi://host:port/path?query" and its kind, as PHP-FPM reads them. */
function plainPath(file: string): string {
  const match = /^proxy:(?:fcgi|balancer):\/\/[^/]*(\/[^?]*)|^proxy:unix:[^|]*\|fcgi:\/\/[^/]*(\/[^?]*)/i.exec(file);
  return match === null ? file : (match[1] ?? match[2])!;
}

function decoded(text: string): string {
  return text.replace(/%[0-9A-Fa-f]{2}/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}

/** A path that is decoded already. */
function parsePath(path: string, query: string): RequestPath {
  return { ...parseTarget(encodePath(path)), query };
}

/** PATH_TRANSLATED is not passed on: PHP that does not fix paths runs what it names (see `protocol/cgi/environment.ts`). */
function isPassedOn(name: string): boolean {
  return /^[A-Za-z_][\w.-]*$/.test(name) && !forgedFields.test(name) && name !== 'PATH_TRANSLATED';
}

function isFolderOf(folder: string, file: string | undefined): boolean {
  const path = folder.replace(/\/+$/, '');
  return file === undefined || file.startsWith(`${path}/`);
}

function set(environment: Environment, name: string, value: string | undefined): void {
  if (value === undefined) delete environment[name];
  else environment[name] = value;
}
