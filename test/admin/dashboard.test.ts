// The dashboard over HTTP: the page, its files, its events, and actions for whoever has the token.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { adminHandler } from '../../src/admin/admin-handler.ts';
import type { AdminOperations } from '../../src/admin/source.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { laneSnapshot, measures, poolSnapshot, serviceStatus, slowRequest } from '../support/service-status.ts';

const token = 'correct-horse-battery';

async function dashboard(t: TestContext, given: string | null = token) {
  const asked: unknown[][] = [];
  const note =
    (name: string) =>
    (...args: unknown[]) => {
      asked.push([name, ...args]);
      return { ok: true, message: `${name} done` };
    };
  const operations: AdminOperations = {
    reload: (pools) => {
      asked.push(['reload', pools]);
      return Promise.resolve({ ok: !pools.includes('bad'), message: 'so' });
    },
    recycle: note('recycle'),
    drain: note('drain'),
    endRequest: note('endRequest'),
  };
  const log = new RecordingLog();
  const lane = laneSnapshot({ state: 'busy', url: '/<script>?secret=1' });
  const slow = [slowRequest({ number: 2, url: '/<b>?secret=1', at: Date.UTC(2026, 1, 3, 4, 5, 6) }), slowRequest()];
  const status = serviceStatus({ pools: [poolSnapshot({ name: 'a"<b>', lanes: [lane], slow })] });
  const access = { token: () => given, operations, log };
  const server = createServer(
    adminHandler({ status: () => status, gatherStatus: async () => status, measures }, { dashboard: access }),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const act = (
    name: string,
    query = '',
    authorization = `Bearer ${token}`,
    more: RequestInit = {},
  ): Promise<Response> =>
    fetch(`${base}/actions/${name}?${query}`, { method: 'POST', headers: { authorization }, ...more });
  return { base, act, asked, log };
}

describe('the page of the dashboard', () => {
  it('is for whoever wants HTML; a command line is sent to the status', async (t) => {
    const { base } = await dashboard(t);
    const page = await fetch(base, { headers: { accept: 'text/html,*/*' } });
    assert.match(page.headers.get('content-type')!, /^text\/html/);
    const other = await fetch(base, { redirect: 'manual', headers: { accept: '*/*' } });
    assert.deepEqual([other.status, other.headers.get('location')], [302, '/status']);
  });

  it('has tables without JavaScript, escapes what it shows, and hides query strings', async (t) => {
    const { base } = await dashboard(t);
    const text = await (await fetch(base, { headers: { accept: 'text/html' } })).text();
    assert.match(text, /<th scope="row">a&quot;&lt;b&gt;<\/th>/);
    assert.match(text, /GET \/&lt;script&gt;\?…/);
    assert.doesNotMatch(text, /secret/);
    assert.match(await (await fetch(`${base}/?query=1`, { headers: { accept: 'text/html' } })).text(), /secret=1/);
  });

  it('has a page of slow requests, in one table, escaped, without a script', async (t) => {
    const { base } = await dashboard(t);
    const page = await fetch(`${base}/slow`);
    assert.match(page.headers.get('content-security-policy')!, /default-src 'none'/);
    const text = await page.text();
    assert.doesNotMatch(text, /secret|<script|<b>/);
    assert.match(
      text,
      /<th scope="row">04:05:06<br>.*2026-02-03 UTC.*GET \/&lt;b&gt;\?….*php.*4242.*S, waits in do_poll<br>.*2 sockets, 1 file open/,
    );
    assert.match(text, /STDERR: &lt;step 1&gt;/);
    assert.match(text, /runs still/);
    assert.match(text, /12 s<br>.*ANSWER_TIMEOUT/);
    assert.match(await (await fetch(`${base}/slow?query=1`)).text(), /secret=1/);
  });

  it('may load nothing but what comes from here, and has no script in itself', async (t) => {
    const { base } = await dashboard(t);
    const page = await fetch(base, { headers: { accept: 'text/html' } });
    const policy = page.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    const text = await page.text();
    assert.doesNotMatch(text, /<script(?![^>]* src=)|<style| style=| on\w+=/);
  });

  it('is not there on a socket without a dashboard', async (t) => {
    const server = createServer(
      adminHandler({ status: () => serviceStatus(), gatherStatus: async () => serviceStatus(), measures }),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    for (const path of ['/events', '/actions/check', '/dashboard.js'])
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST' })).status, 404);
  });
});

describe('the actions of the dashboard', () => {
  it('do what they say for whoever has the token', async (t) => {
    const { act, asked, log } = await dashboard(t);
    assert.deepEqual(await (await act('check')).json(), { ok: true, message: 'the token is right' });
    assert.equal((await act('reload', 'pool=php')).status, 200);
    assert.equal((await act('reload', 'pool=bad')).status, 422);
    await act('recycle', 'pool=php&pid=42');
    await act('drain', 'pool=php');
    await act('resume', 'pool=php');
    await act('end', 'pool=php&request=7');
    assert.deepEqual(asked, [
      ['reload', ['php']],
      ['reload', ['bad']],
      ['recycle', 'php', 42],
      ['drain', 'php', true],
      ['drain', 'php', false],
      ['endRequest', 'php', 7],
    ]);
    assert.equal(log.matching(/^dashboard, end pool=php&request=7: endRequest done$/).length, 1);
  });

  it('do nothing for anybody else', async (t) => {
    const { act, asked, log, base } = await dashboard(t);
    for (const authorization of [
      '',
      'Bearer',
      'Bearer wrong',
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer x${token}`,
    ])
      assert.equal((await act('reload', 'pool=php', authorization)).status, 401, authorization);
    assert.equal((await fetch(`${base}/actions/reload?pool=php&token=${token}`, { method: 'POST' })).status, 401);
    assert.equal((await act('reload', 'pool=php', `Bearer ${token}`, { method: 'GET' })).status, 405);
    const headers = { authorization: `Bearer ${token}`, origin: 'http://evil.example' };
    assert.equal((await act('reload', 'pool=php', '', { headers })).status, 403);
    assert.deepEqual(asked, []);
    assert.equal(log.matching(/wrong token/).length, 1, 'one line for many');
  });

  it('are off without a token', async (t) => {
    const { act, asked } = await dashboard(t, null);
    const answer = await act('reload', 'pool=php');
    assert.equal(answer.status, 403);
    assert.match(((await answer.json()) as { message: string }).message, /set token or tokenFile in \[admin\]/);
    assert.deepEqual(asked, []);
  });

  it('say what is missing, or is no number', async (t) => {
    const { act, asked } = await dashboard(t);
    for (const [name, query] of [
      ['reload', ''],
      ['recycle', 'pool=php'],
      ['recycle', 'pool=php&pid=-1'],
      ['recycle', 'pool=php&pid=1e9'],
      ['end', 'pool=php&request=0'],
    ] as const) {
      assert.equal((await act(name, query)).status, 400, `${name} ${query}`);
    }
    assert.equal((await act('constructor')).status, 404);
    assert.deepEqual(asked, []);
  });
});

describe('the events of the dashboard', () => {
  it('are a full view, then changes, until the viewer leaves', async (t) => {
    const { base } = await dashboard(t);
    const leaving = new AbortController();
    const events = await fetch(`${base}/events`, { signal: leaving.signal });
    assert.equal(events.headers.get('content-type'), 'text/event-stream');
    const { value } = await events.body!.getReader().read();
    assert.match(Buffer.from(value!).toString(), /^event: full\ndata: \{"at":\d+,"view":\{"version":"1\.2\.3"/);
    leaving.abort();
  });

  it('are not given to the page of another site', async (t) => {
    const { base } = await dashboard(t);
    assert.equal((await fetch(`${base}/events`, { headers: { origin: 'http://evil.example' } })).status, 403);
  });
});
