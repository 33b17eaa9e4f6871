// What a site would hand out though it is a program's source: its files are asked for one after another, and what would be sent is looked into.

import { closeSync, openSync, readSync } from 'node:fs';
import { resolve, sep } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Gateway } from '../gateway/handle.ts';
import { encodePath } from '../protocol/http/path.ts';
import { bytesToLog, textToBytes } from '../protocol/text.ts';
import { innerRequest } from '../sites/inner-request.ts';
import { filesBelow } from './files-below.ts';
import { type Finding, note } from './finding.ts';

/** So many are named; the rest is counted. */
const mostNamed = 3;
const headBytes = 1_024;
/** What is looked into least often holds a program, and is most of what a site has. */
const harmless = /\.(?:avif|css|eot|gif|ico|jpe?g|js|map|md|mjs|mo|mp[34]|pdf|png|po|pot|svg|ttf|txt|webp|woff2?)$/i;

/** Looks at all sites. */
export function exposedFindings(config: Config, gateways: ReadonlyMap<string, Gateway>): Finding[] {
  return [...gateways].flatMap(([name, gateway]) => {
    const exposed = exposedBy(gateway, resolve(config.folder, config.values.site[name]!.root));
    if (exposed.length === 0) return [];
    const named = exposed.slice(0, mostNamed).map((path) => bytesToLog(path, 255));
    const others = exposed.length > mostNamed ? `, and ${exposed.length - mostNamed} more` : '';
    const message = `it would hand out the source of programs: ${named.join(', ')}${others}`;
    const mend =
      'give them a route to what runs them, move them out of its root, or name them in hiddenNames, or deny them by a route';
    return [note(`site ${name}`, message, mend)];
  });
}

/** URL paths; byte strings. */
function exposedBy(gateway: Gateway, root: string): string[] {
  const found: string[] = [];
  for (const { path } of filesBelow(root)) {
    if (harmless.test(path) || !holdsProgram(path)) continue;
    const urlPath = textToBytes(path.slice(root.replace(/\/$/, '').length).split(sep).join('/'));
    if (isHandedOut(gateway, encodePath(urlPath))) found.push(urlPath);
  }
  return found.sort();
}

/** PHP's tags, or a first line that names an interpreter. Bytes that are no text are no source. */
function holdsProgram(path: string): boolean {
  const head = Buffer.alloc(headBytes);
  let length: number;
  try {
    const file = openSync(path, 'r');
    try {
      length = readSync(file, head, 0, headBytes, 0);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
  const text = head.toString('latin1', 0, length);
  return !text.includes('\0') && (/^#!/.test(text) || /<\?(?:php\s|=)/i.test(text));
}

function isHandedOut(gateway: Gateway, target: string): boolean {
  try {
    const { decision } = gateway.explain({ ...innerRequest(new URL('http://localhost/')), target });
    return decision?.kind === 'file';
  } catch {
    return false; // it is refused
  }
}
