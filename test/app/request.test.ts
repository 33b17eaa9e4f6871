// The Request that an application sees, and the Reply that it may send instead of a Response.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Reply } from '../../src/app/index.ts';
import { headersOf, lazyRequest, urlOf } from '../../src/app/lazy-request.ts';
import { partsOf } from '../../src/app/lazy-response.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { bodyOf, cgiRequest } from '../support/cgi-request.ts';

const host = { signal: new AbortController().signal, maxBodyBytes: 1_000 };

function requestOf(given: Partial<CgiRequest>): Request {
  return lazyRequest(cgiRequest(given), host);
}

const form = { CONTENT_TYPE: 'application/x-www-form-urlencoded', REQUEST_URI: '/form', HTTP_HOST: 'a.example' };

describe('lazyRequest()', () => {
  it('has Node load its fetch with the first request, not with the module: a start that serves PHP needs none', () => {
    const module = new URL('../../src/app/lazy-request.ts', import.meta.url).href;
    const script = `await import('${module}'); console.log(process.moduleLoadList.filter((one) => one.includes('undici')))`;
    assert.equal(String(execFileSync(process.execPath, ['--input-type=module', '-e', script])).trim(), '[]');
    assert.ok(requestOf({}) instanceof Request);
  });
});

describe('urlOf()', () => {
  const table: readonly (readonly [string, Record<string, string>])[] = [
    ['http://a.example/b?c=d', { HTTP_HOST: 'a.example', REQUEST_URI: '/b?c=d' }],
    ['https://a.example:8443/', { HTTP_HOST: 'a.example:8443', REQUEST_URI: '/', HTTPS: 'on' }],
    ['https://a.example/', { HTTP_HOST: 'a.example', REQUEST_URI: '/', REQUEST_SCHEME: 'https' }],
    ['http://a.example/s/p%3Fq?r', { HTTP_HOST: 'a.example', SCRIPT_NAME: '/s', PATH_INFO: '/p?q', QUERY_STRING: 'r' }],
    ['http://a.example/caf%C3%A9', { HTTP_HOST: 'a.example', SCRIPT_NAME: '/caf\xc3\xa9' }],
    ['http://b.example:81/', { SERVER_NAME: 'b.example', SERVER_PORT: '81', REQUEST_URI: '/' }],
    ['http://[::1]:80/', { SERVER_NAME: '::1', SERVER_PORT: '80', REQUEST_URI: '/' }],
    ['http://a.example//evil.example/', { HTTP_HOST: 'a.example', REQUEST_URI: '//evil.example/' }],
    ['http://a.example/x', { HTTP_HOST: 'a.example', REQUEST_URI: 'http://evil.example/x' }],
    ['http://localhost/', { HTTP_HOST: 'a/b?c', REQUEST_URI: '/' }],
  ];
  for (const [url, environment] of table) {
    it(`makes ${url}`, () => {
      assert.equal(urlOf(environment), url);
      assert.ok(URL.canParse(url));
    });
  }
});

describe('headersOf()', () => {
  it('takes HTTP_*, and content type and length from their own variables only', () => {
    const environment = { HTTP_X_A: '1', HTTP_CONTENT_TYPE: 'b', CONTENT_TYPE: 'c', CONTENT_LENGTH: '4', PATH: '/bin' };
    assert.deepEqual(headersOf(environment), [
      ['x-a', '1'],
      ['content-type', 'c'],
      ['content-length', '4'],
    ]);
  });
});

describe('lazyRequest()', () => {
  it('is a Request to instanceof, and has what a Request has', () => {
    const request = requestOf({ method: 'POST', environment: { ...form, HTTP_X_A: 'b' } });
    assert.ok(request instanceof Request);
    assert.equal(request.method, 'POST');
    assert.equal(request.url, 'http://a.example/form');
    assert.equal(request.headers.get('x-a'), 'b');
    assert.equal(request.signal, host.signal);
    assert.equal(request.bodyUsed, false);
    assert.equal(request.redirect, 'follow');
    assert.equal(request.mode, 'cors');
    assert.equal(request.headers, request.headers);
  });

  it('reads its body once, as text, JSON, bytes or form', async () => {
    const post = (text: string, environment = form): Request =>
      requestOf({ method: 'POST', environment, body: bodyOf(text) });
    const request = post('a=b');
    assert.equal(await request.text(), 'a=b');
    assert.equal(request.bodyUsed, true);
    await assert.rejects(request.text(), TypeError);
    assert.deepEqual(await post('{"a":1}').json(), { a: 1 });
    assert.equal((await post('abc').arrayBuffer()).byteLength, 3);
    assert.equal((await post('a=b&c=d').formData()).get('c'), 'd');
    assert.equal((await post('abc').blob()).size, 3);
    assert.equal(await requestOf({}).text(), '');
  });

  it('clones into a real Request, whose body can be read apart', async () => {
    const request = requestOf({ method: 'POST', environment: form, body: bodyOf('abc') });
    const copy = request.clone();
    assert.equal(await copy.text(), 'abc');
    assert.equal(await request.text(), 'abc');
    assert.equal(new Request(copy.url, copy.clone === undefined ? {} : { method: copy.method }).method, 'POST');
  });

  it('gathers no more than the limit, also of a stream without a length', async () => {
    const text = 'x'.repeat(1_001);
    const whole = requestOf({ method: 'POST', environment: form, body: bodyOf(text) });
    await assert.rejects(whole.text(), { code: 'BODY_TOO_LARGE' });
    const streamed = requestOf({
      method: 'POST',
      environment: form,
      body: { ...bodyOf(text), bytes: null, length: null },
    });
    await assert.rejects(streamed.formData(), { code: 'BODY_TOO_LARGE' });
  });
});

describe('Reply', () => {
  it('is a Response to instanceof, and has what a Response has', async () => {
    const reply = new Reply('text', { status: 201, headers: { 'X-A': 'b' } });
    assert.ok(reply instanceof Response);
    assert.equal(reply.status, 201);
    assert.equal(reply.ok, true);
    assert.equal(reply.headers.get('x-a'), 'b');
    assert.equal(reply.headers.get('content-type'), 'text/plain;charset=UTF-8');
    assert.equal(await reply.clone().text(), 'text');
    assert.equal(await reply.text(), 'text');
  });

  it('gives its parts while nobody has looked at it, and not afterwards, when they may have changed', () => {
    const reply = new Reply('text', { headers: { 'content-type': 'a/b' } });
    assert.deepEqual(partsOf(reply)!.headers, ['content-type', 'a/b']);
    reply.headers.set('x', 'y');
    assert.equal(partsOf(reply), null);
    assert.equal(partsOf(new Response('')), null);
    assert.equal(partsOf(new Reply(new ReadableStream())), null);
  });

  it('refuses what Response refuses', () => {
    assert.throws(() => new Reply('', { status: 99 }), RangeError);
    assert.throws(() => new Reply('', { headers: { a: 'b\r\nc: d' } }), TypeError);
    assert.throws(() => new Reply('', { headers: { 'a b': 'c' } }), TypeError);
    assert.throws(() => new Reply('', { headers: { a: 'ä€' } }), TypeError);
    assert.throws(() => new Reply('body', { status: 204 }), TypeError);
  });
});
