// Pages for whoever develops a site: a folder that has no index, with the names in it that are answered and nothing that is hidden; and
// what a program wrote last, where it answers an empty 500.

import { readdirSync } from 'node:fs';
import { PosternError } from '../errors.ts';
import { encodePath } from '../protocol/http/path.ts';
import { bytesToText } from '../protocol/text.ts';
import { systemPath } from './document-root.ts';
import { type ErrorAnswer, escapeHtml, lastWordsAnswer, pageHeaders } from './error-page.ts';
import type { HttpRequest } from './message.ts';
import type { Reply } from './reply.ts';
import type { Client } from './request-client.ts';
import type { Routing } from './routing.ts';
import { decide, type Listing } from './script.ts';
import type { SiteGates } from './site-gates.ts';

/** A page with more is of no use, and each name is looked up. */
const mostNames = 1_000;

/** Who decides what is at a path. */
export interface Deciders {
  readonly routing: Routing;
  /** null: the site has no rules. */
  readonly rules: SiteGates | null;
}

/** @throws METHOD_NOT_ALLOWED */
export function sendListing(
  reply: Reply,
  request: HttpRequest,
  client: Client,
  deciders: Deciders,
  listing: Listing,
): void {
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD')
    throw new PosternError('METHOD_NOT_ALLOWED', `${method} is not for a folder`);
  send(
    reply,
    folderListing(listing, (path) => shownAs(path, request, client, deciders)),
  );
}

/** @param words the end of the program's STDERR */
export function sendLastWords(reply: Reply, status: number, words: string, requestHeaders: readonly string[]): void {
  const shown = words.trim() || 'nothing: its errors may go to a file (error_log)';
  send(reply, lastWordsAnswer(status, shown, requestHeaders));
}

function send(reply: Reply, { status, headers, body }: ErrorAnswer): void {
  reply.head(status, headers);
  reply.write(body);
  reply.end();
}

/** What a path is to whoever asks for the folder that it is in; null: nothing is answered there. */
function shownAs(
  path: string,
  { headers }: HttpRequest,
  client: Client,
  { routing, rules }: Deciders,
): 'file' | 'folder' | null {
  const target = { path, query: '', nameLength: path.length };
  try {
    const ruled = rules?.decide({ method: 'GET', headers }, client, target) ?? null;
    if (ruled !== null) rules!.checkAddress(ruled, client);
    const decision = ruled === null ? decide(routing, target) : ruled.decision;
    if (decision === null) return ruled?.ruling.answer?.kind === 'refuse' ? null : 'file';
    if (decision.kind === 'refuse') return null;
    return decision.kind === 'redirect' || decision.kind === 'listing' ? 'folder' : 'file';
  } catch {
    // A rule makes of it what no path can be, or lets nobody in from there.
    return null;
  }
}

function folderListing({ path, realPath }: Listing, shownAs: (path: string) => 'file' | 'folder' | null): ErrorAnswer {
  const names = readdirSync(systemPath(realPath), { encoding: 'latin1' }).sort();
  const shown = names.slice(0, mostNames).flatMap((name) => {
    const kind = shownAs(path + name);
    if (kind === null) return [];
    return [kind === 'folder' ? `${name}/` : name];
  });
  const above = path === '/' ? [] : ['../'];
  const links = [...above, ...shown].map(
    (name) => `  <li><a href="./${encodePath(name)}">${escapeHtml(textOf(name))}</a>`,
  );
  const rest = names.length > mostNames ? `\n<p>There are ${names.length - mostNames} more.` : '';
  const title = escapeHtml(textOf(path));
  const body = Buffer.from(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
  body { margin: 2rem; font: 1rem/1.6 system-ui, sans-serif }
  ul { padding-left: 1.25rem }
</style>
<h1>${title}</h1>
<ul>
${links.join('\n')}
</ul>${rest}
<p>This folder has no index.
</html>
`);
  return { status: 200, headers: pageHeaders('html', body), body };
}

const textOf = (bytes: string): string => bytesToText(bytes) ?? bytes;
