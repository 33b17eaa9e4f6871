// What a client is told when a request cannot be answered: a plain page, JSON or text, by what it accepts. Pure.

import { type ErrorCode, errorTable, type PosternError } from '../errors.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { reasonPhrases } from '../protocol/http/reason-phrases.ts';

/** An error as an HTTP answer. */
export interface ErrorAnswer {
  readonly status: number;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

type Format = 'html' | 'json' | 'text';

const types: Readonly<Record<Format, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
};

/** Seconds of Retry-After where the error brings none (`fields.retryAfterS`). */
const DEFAULT_RETRY_AFTER_S = 1;

/**
 * Makes the answer. It says the code's public sentence and nothing of the error's own message, which may hold paths.
 * @param requestHeaders for Accept
 */
export function errorAnswer(error: PosternError, requestHeaders: readonly string[]): ErrorAnswer {
  const { status, retryable } = errorTable[error.code];
  const format = formatFor(fieldValues(requestHeaders, 'accept').join(','));
  const body = Buffer.from(bodies[format](error.code));
  const headers = pageHeaders(format, body);
  if (error.code === 'UNAUTHORIZED') headers.push('WWW-Authenticate', String(error.fields.authenticate ?? 'Basic'));
  if (retryable) headers.push('Retry-After', String(retryAfterS(error)));
  if (error.code === 'METHOD_NOT_ALLOWED') headers.push('Allow', String(error.fields.allow ?? 'GET, HEAD'));
  return { status, headers, body };
}

/**
 * Makes the page of an answer that a program left empty, for whoever develops it: what it wrote last, which may hold anything.
 * @param words lines of its STDERR; text
 */
export function lastWordsAnswer(status: number, words: string, requestHeaders: readonly string[]): ErrorAnswer {
  const format = formatFor(fieldValues(requestHeaders, 'accept').join(','));
  const title = titleOf(status);
  const why = 'The program gave no page of its own. It wrote:';
  const note = 'This is shown by "postern serve" alone, and only on this machine.';
  const texts: Readonly<Record<Format, () => string>> = {
    json: () => `${JSON.stringify({ error: { status, message: title, lines: words.split('\n') } })}\n`,
    text: () => `${status} ${title}\n${why}\n\n${words}\n\n${note}\n`,
    html: () => page(String(status), title, [why, { lines: words }, note]),
  };
  const body = Buffer.from(texts[format]());
  return { status, headers: pageHeaders(format, body), body };
}

/** What goes with a page of ours: it is not kept, nor taken for anything else, nor does it load anything. */
export function pageHeaders(format: Format, body: Uint8Array): string[] {
  const headers = ['Content-Type', types[format], 'Content-Length', String(body.length), 'Cache-Control', 'no-store'];
  headers.push('X-Content-Type-Options', 'nosniff');
  if (format === 'html') headers.push('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
  return headers;
}

/** Text that can stand in HTML, in a quoted attribute too. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function retryAfterS(error: PosternError): number {
  const given = error.fields.retryAfterS;
  return typeof given === 'number' && given > 0 ? Math.ceil(given) : DEFAULT_RETRY_AFTER_S;
}

/** Browsers name text/html, programs that want JSON say so, and for the rest (curl's "*\/*") a line of text is best. */
function formatFor(accept: string): Format {
  const lower = accept.toLowerCase();
  const html = lower.search(/text\/html|application\/xhtml\+xml/);
  const json = lower.search(/application\/(?:[a-z0-9.-]+\+)?json/);
  if (html !== -1 && (json === -1 || html < json)) return 'html';
  return json !== -1 ? 'json' : 'text';
}

const bodies: Readonly<Record<Format, (code: ErrorCode) => string>> = {
  json: (code) => {
    const { status, public: message, retryable } = errorTable[code];
    return `${JSON.stringify({ error: { status, code, message, retryable } })}\n`;
  },
  text: (code) => `${errorTable[code].status} ${titleOf(errorTable[code].status)}\n${errorTable[code].public}\n`,
  html: (code) => {
    const { status, public: sentence, retryable } = errorTable[code];
    const advice = retryable ? 'It is worth trying again in a moment.' : adviceOf(status);
    return page(`${status} ${code}`, titleOf(status), [sentence, advice]);
  },
};

/** @param paragraphs text, or lines as they are */
function page(label: string, title: string, paragraphs: readonly (string | { readonly lines: string })[]): string {
  const shown = paragraphs.map((one) =>
    typeof one === 'string' ? `  <p>${escapeHtml(one)}</p>` : `  <pre>${escapeHtml(one.lines)}</pre>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(label.split(' ')[0] ?? '')} ${title}</title>
<style>
  :root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --paper: #fbfaf8; --line: #b5432c }
  @media (prefers-color-scheme: dark) { :root { --ink: #eceae6; --soft: #a3a9b1; --paper: #16181b; --line: #f08a6e } }
  * { box-sizing: border-box; margin: 0 }
  body { min-height: 100vh; display: grid; place-content: center; padding: 2rem; background: var(--paper); color: var(--ink);
    font: 1.0625rem/1.6 system-ui, sans-serif }
  main { max-width: 32rem; padding-left: 1.5rem; border-left: 3px solid var(--line) }
  .status { color: var(--line); font: 600 .9375rem/1 ui-monospace, monospace; letter-spacing: .08em }
  h1 { margin: .5rem 0 .75rem; font-size: 1.75rem; line-height: 1.2; font-weight: 650; text-wrap: balance }
  p + p { margin-top: .5rem; color: var(--soft) }
  pre { margin: 1rem 0; padding: 1rem; max-width: 80vw; overflow: auto; border: 1px solid var(--soft); font: .875rem/1.5 ui-monospace, monospace }
</style>
<main>
  <p class="status">${label}</p>
  <h1>${title}</h1>
${shown.join('\n')}
</main>
</html>
`;
}

function adviceOf(status: number): string {
  if (status === 404) return 'The address may be mistyped, or the page may have moved.';
  return status >= 500
    ? 'The people who run this site can find the cause in its log.'
    : 'Changing the request may help.';
}

function titleOf(status: number): string {
  return reasonPhrases[status] ?? 'Error';
}
