// Nine CGI programs of Debian give through Postern what they give through Apache's mod_cgid, page by page.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startApache } from '../../support/apache.ts';
import { startCgiService } from '../../support/cgi-service.ts';
import { debianCgiMissing, makeDebianCgi, WEB_USER } from '../../support/debian-cgi.ts';
import { temporaryFolder } from '../../support/folder.ts';

/** Pages of each program. */
const PAGES = 9;

/** Where a crawl of each program begins: paths under /cgi-bin/. It goes on with the links that it finds there. FOLDER is that of the data. */
const seeds: Readonly<Record<string, readonly string[]>> = {
  'gitweb.cgi': [
    '',
    '?p=demo.git;a=summary',
    '?p=demo.git;a=nothing',
    '?p=demo.git;a=rss',
    '?p=demo.git;a=blob_plain;f=README',
  ],
  'cgit.cgi': [
    '',
    '/demo.git/',
    '/demo.git/snapshot/demo-v1.tar.gz',
    '/demo.git/plain/src/cr%C3%A8me%20br%C3%BBl%C3%A9e.txt',
    '/none',
  ],
  'awstats.pl': [
    '?config=demo&configdir=FOLDER/awstats&year=2009&month=02&framename=mainright',
    '?config=demo&configdir=FOLDER/awstats&year=2009&month=02',
    '?config=demo&configdir=FOLDER/awstats&year=2009&month=02&framename=mainleft',
    '?config=demo&configdir=FOLDER/awstats&year=2009&month=02&output=allhosts',
    '?config=demo&configdir=FOLDER/awstats&year=2009&month=02&output=errors404',
    '?config=none&configdir=FOLDER/awstats',
  ],
  mapserv: [
    '',
    '?mode=map',
    '?mode=legend',
    '?mode=browse',
    '?mode=nothing',
    '?SERVICE=WMS&REQUEST=GetCapabilities&VERSION=1.3.0',
    '?SERVICE=WMS&REQUEST=GetCapabilities&VERSION=1.1.1',
    '?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=square&STYLES=&CRS=EPSG:3857&BBOX=0,0,100,100&WIDTH=40&HEIGHT=40&FORMAT=image/png',
    '?SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=none',
  ],
  man: ['/man2html', '/man2html?1+ls', '/man2html?nothing-of-this-name', '/mansec?1+l'],
  'smokeping.cgi': [
    '',
    '?target=Demo',
    '?target=Demo.Local',
    '?target=None',
    '?displaymode=n;target=Demo.Local',
    '?filter=Local',
    '?filter=none',
    '?target=Demo.None',
    '?target=Demo;filter=Local',
  ],
  nagios4: [
    '/status.cgi',
    '/tac.cgi',
    '/extinfo.cgi?type=1&host=demo',
    '/config.cgi?type=hosts',
    '/status.cgi?host=none',
    '/statusjson.cgi?query=hostlist',
    '/objectjson.cgi?query=host&hostname=demo',
  ],
  fossil: [
    '',
    '/timeline',
    '/dir?ci=tip',
    '/doc/trunk/README.md',
    '/none',
    '/info/none',
    '/brlist',
    '/taglist',
    '/wiki',
    '/ticket',
  ],
  git: [
    '/demo.git/HEAD',
    '/demo.git/info/refs',
    '/demo.git/info/refs?service=git-upload-pack',
    '/demo.git/info/refs?service=git-receive-pack',
    '/demo.git/objects/info/packs',
    '/demo.git/objects/info/alternates',
    '/demo.git/none',
    '/none.git/HEAD',
    '/demo.git/objects/00/none',
  ],
};

/** What differs from one run of a program to the next. */
const moving: readonly (readonly [pattern: RegExp, text: string])[] = [
  [/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? (?:\d{1,2}[ -][A-Z][a-z]+[ -]\d{4}|[A-Z][a-z]+ +\d{1,2})\b/g, 'DATE'],
  [/\b20[2-9]\d-\d\d-\d\d\b/g, 'DATE'],
  [/\d{1,2}:\d\d(?::\d\d)?\b/g, 'TIME'],
  [/\b(?:1[6-9]|2\d)\d{8}(?:\d{3})?\b/g, 'SECONDS'],
  [/\b\d+d\s+\d+h\s+\d+m\s+\d+s\b/g, 'DURATION'],
  [/nonce(?:-|=['"])[0-9a-f]+/g, 'NONCE'],
  [/in about\s+\d+\.\d+s/g, 'SOON'],
  [/__navcache\/[\d_]+/g, 'IMAGE'],
];

interface Page {
  readonly status: number;
  readonly type: string;
  readonly location: string;
  readonly body: string;
}

describe("nine CGI programs of Debian, compared with Apache's mod_cgid", { skip: debianCgiMissing() }, () => {
  it(`${PAGES} pages of each: the same status, content type and body`, async (t) => {
    const folder = temporaryFolder(t);
    makeDebianCgi(folder);
    const cgiBin = join(folder, 'site/cgi-bin');
    const apache = await startApache(
      t,
      ['cgid', 'alias'],
      `ServerAdmin ada@example.org\nScriptSock @FOLDER@/cgid.sock\nScriptAlias /cgi-bin/ ${cgiBin}/\n`,
    );
    const user = process.getuid?.() === 0 ? `user = "${WEB_USER}"\n` : '';
    const { port } = await startCgiService(t, folder, `${user}env = { SERVER_ADMIN = "ada@example.org" }\n`);
    const servers = [apache.port, port] as const;
    const differences: string[] = [];
    const compared: Record<string, number> = {};
    const crawls = Object.entries(seeds).map(async ([program, from]) => {
      const prefix = `/cgi-bin/${program}`;
      const queue = from.map((seed) => prefix + seed.replace('FOLDER', folder));
      const seen = new Set(queue);
      for (let count = 0; count < PAGES; count += 1) {
        const path = queue.shift();
        if (path === undefined) break;
        const [theirs, ours] = await Promise.all(servers.map((port) => fetchPage(port, path)));
        compared[program] = count + 1;
        for (const key of ['status', 'type', 'location', 'body'] as const) {
          if (theirs![key] !== ours![key]) differences.push(`${path}: ${key}\n${difference(theirs![key], ours![key])}`);
        }
        for (const link of linksOf(path, theirs!.body, prefix)) {
          if (seen.has(link)) continue;
          seen.add(link);
          queue.push(link);
        }
      }
    });
    await Promise.all(crawls);
    assert.deepEqual(differences, []);
    assert.deepEqual(compared, Object.fromEntries(Object.keys(seeds).map((program) => [program, PAGES])));
  });
});

/** Of one moment's text nothing is left that another moment would change. */
function settle(text: string): string {
  return moving.reduce((settled, [pattern, word]) => settled.replace(pattern, word), text);
}

async function fetchPage(port: number, path: string): Promise<Page> {
  return new Promise((resolve, reject) => {
    // Both are asked as the same host, since pages hold their own address.
    const sent = request(
      { host: '127.0.0.1', port, path, agent: false, headers: { host: 'demo.example' } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const { 'content-type': type = '', location = '' } = answer.headers;
          const status = answer.statusCode ?? 0;
          const body = Buffer.concat(chunks).toString('latin1');
          resolve({ status, type, location, body: settle(body) });
        });
      },
    );
    sent.on('error', (cause) => reject(new Error(`${port}${path}: ${cause.message}`, { cause })));
    sent.end();
  });
}

/** Links of a page to the same program, as request targets. */
function linksOf(path: string, body: string, prefix: string): string[] {
  const links: string[] = [];
  for (const [, double, single] of body.matchAll(/\b(?:href|src)=(?:"([^"]*)"|'([^']*)')/gi)) {
    const text = (double ?? single ?? '').replaceAll('&amp;', '&');
    const url = URL.parse(text, `http://demo.example${path}`);
    if (url === null || url.host !== 'demo.example') continue;
    const target = url.pathname + url.search;
    // A link with a moment in it is gone a second later, and fossil's login asks for another word each time.
    if (target.startsWith(prefix) && !/TIME|DATE|SECONDS|\/login/.test(target)) links.push(target);
  }
  return links;
}

/** Where two texts begin to differ. */
function difference(theirs: string | number, ours: string | number): string {
  const [one, other] = [String(theirs), String(ours)];
  let at = 0;
  while (at < one.length && one[at] === other[at]) at += 1;
  const part = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 60), at + 120));
  return `  Apache:  ${part(one)}\n  Postern: ${part(other)}`;
}
