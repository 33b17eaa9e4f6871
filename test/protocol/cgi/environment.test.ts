import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  clientPairs,
  type EnvironmentSource,
  environmentPairs,
  makeEnvironment,
  scriptPairs,
} from '../../../src/protocol/cgi/environment.ts';
import { HeaderNames } from '../../../src/protocol/cgi/header-variables.ts';
import { environmentOf } from '../../../src/protocol/fastcgi/name-value-reader.ts';
import { fieldValue } from '../../../src/protocol/http/headers.ts';

const source: EnvironmentSource = {
  method: 'GET',
  target: '/a.php/b?c=d',
  version: '1.1',
  headers: ['Host', 'example.org'],
  query: 'c=d',
  scriptName: '/a.php',
  pathInfo: '/b',
  scriptFile: '/srv/a.php',
  documentRoot: '/srv',
  contentLength: null,
  serverName: 'example.org',
  serverPort: 80,
  serverAddress: '127.0.0.1',
  remoteAddress: '192.0.2.1',
  remotePort: 4711,
  secure: false,
  configured: {},
};

const make = (given: Partial<EnvironmentSource>) => makeEnvironment({ ...source, ...given }, new HeaderNames());

describe('makeEnvironment()', () => {
  it('says everything of a request', () => {
    assert.deepEqual(
      make({ secure: true, contentLength: 3, headers: ['Host', 'example.org', 'Content-Type', 'a/b'] }),
      {
        GATEWAY_INTERFACE: 'CGI/1.1',
        SERVER_SOFTWARE: 'postern',
        SERVER_PROTOCOL: 'HTTP/1.1',
        SERVER_NAME: 'example.org',
        SERVER_ADDR: '127.0.0.1',
        SERVER_PORT: '80',
        REMOTE_ADDR: '192.0.2.1',
        REMOTE_PORT: '4711',
        REQUEST_METHOD: 'GET',
        REQUEST_URI: '/a.php/b?c=d',
        REQUEST_SCHEME: 'https',
        HTTPS: 'on',
        QUERY_STRING: 'c=d',
        SCRIPT_NAME: '/a.php',
        SCRIPT_FILENAME: '/srv/a.php',
        DOCUMENT_ROOT: '/srv',
        DOCUMENT_URI: '/a.php',
        PATH_INFO: '/b',
        REDIRECT_STATUS: '200',
        CONTENT_LENGTH: '3',
        CONTENT_TYPE: 'a/b',
        HTTP_HOST: 'example.org',
      },
    );
  });

  it('sends no PATH_TRANSLATED, which PHP would run instead of SCRIPT_FILENAME', () => {
    assert.ok(!('PATH_TRANSLATED' in make({ pathInfo: '/upload/x.jpg' })));
  });

  it('leaves out what does not apply', () => {
    const environment = make({ pathInfo: '', scriptFile: null, documentRoot: null });
    const absent = ['HTTPS', 'PATH_INFO', 'PATH_TRANSLATED', 'SCRIPT_FILENAME', 'DOCUMENT_ROOT', 'CONTENT_LENGTH'];
    for (const name of [...absent, 'CONTENT_TYPE', 'REMOTE_USER', 'AUTH_TYPE']) {
      assert.ok(!(name in environment), name);
    }
  });

  it('lets computed variables win over configured ones, and those over header fields (rule 10)', () => {
    const configured = { REQUEST_METHOD: 'PUT', HTTP_ACCEPT: 'configured', APP_ENV: 'prod', HTTPS: 'on' };
    const environment = make({ configured, headers: ['Accept', 'sent', 'App-Env', 'sent'] });
    assert.equal(environment.REQUEST_METHOD, 'GET');
    assert.equal(environment.HTTP_ACCEPT, 'configured');
    assert.equal(environment.APP_ENV, 'prod');
    assert.equal(environment.HTTP_APP_ENV, 'sent');
  });

  it('takes REMOTE_USER and its kind never from the client (rule 10)', () => {
    const names = ['Remote-User', 'Auth-Type', 'Remote-Ident', 'Remote_User', 'REMOTE_USER'];
    const environment = make({ headers: names.flatMap((name) => [name, 'root']) });
    assert.deepEqual(
      Object.keys(environment).filter((name) => /^(?:REMOTE_(?:USER|IDENT)|AUTH_TYPE)$/.test(name)),
      [],
    );
  });

  it('joins repeated headers with ", " and Cookie with "; " (rule 12)', () => {
    const environment = make({ headers: ['A', '1', 'cookie', 'x=1', 'a', '2', 'Cookie', 'y=2'] });
    assert.equal(environment.HTTP_A, '1, 2');
    assert.equal(environment.HTTP_COOKIE, 'x=1; y=2');
  });

  it('has no HTTP_CONTENT_LENGTH and no HTTP_CONTENT_TYPE (rule 9)', () => {
    const environment = make({ headers: ['Content-Length', '3', 'Content-Type', 'a/b', 'CONTENT_TYPE', 'c/d'] });
    assert.ok(!Object.keys(environment).some((name) => name.startsWith('HTTP_CONTENT')));
    assert.equal(environment.CONTENT_TYPE, 'a/b');
  });
});

describe('environmentPairs()', () => {
  const long = 'x'.repeat(300);
  const given: readonly Partial<EnvironmentSource>[] = [
    {},
    { secure: true, contentLength: 3, headers: ['Host', 'example.org', 'Content-Type', 'a/b'] },
    { host: 'proxy.example', headers: ['Host', 'inner', 'X-Long', long, 'Cookie', 'a=b'] },
    { scriptFile: null, documentRoot: null, pathInfo: '', version: '2.0', headers: [] },
    { headers: ['A', '1', 'cookie', 'x=1', 'a', '2', 'Cookie', 'y=2', 'A', '3', 'bad_name', 'no', 'Proxy', 'no'] },
    { configured: { REQUEST_METHOD: 'PUT', HTTPS: 'on', PATH_INFO: '/no', HTTP_A: 'configured', LONG: long } },
    { configured: { CONTENT_TYPE: 'c/d', HTTP_HOST: 'configured' }, headers: ['Host', 'sent', 'Content-Type', 'a/b'] },
    { target: `/a.php?${long}`, query: long, version: '1.0', remoteAddress: '2001:db8::1' },
  ];

  it('says the same as makeEnvironment(), however often its parts are used again', () => {
    const names = new HeaderNames();
    const targets = given.map(({ query = source.query }) => ({ query }));
    for (let round = 0; round < 3; round += 1) {
      for (const [index, one] of given.entries()) {
        const from = { ...source, ...one };
        const client = { pairs: clientPairs(from), hasHost: typeof from.host === 'string' };
        const script = scriptPairs(from, from.documentRoot);
        const { contentLength } = from;
        const configured = Object.keys(from.configured).length === 0 ? null : from.configured;
        const pairs = environmentPairs(client, script, from, targets[index]!, contentLength, configured, names);
        assert.deepEqual({ ...environmentOf(pairs) }, makeEnvironment(from, new HeaderNames()));
      }
    }
  });

  it('says the same of fields that came before, whatever else differs', () => {
    const names = new HeaderNames();
    const made = given.map(({ headers = source.headers }) => {
      const contentType = fieldValue(headers, 'content-type') ?? null;
      return { bytes: 0, contentType, pairs: null, shown: null };
    });
    const targets = given.map(({ query = source.query }) => ({ query }));
    for (let round = 0; round < 12; round += 1) {
      for (const [index, one] of given.entries()) {
        const host = round % 2 === 0 ? null : 'proxy.example';
        const configured = round % 3 === 0 ? { HTTP_HOST: 'configured' } : {};
        const from = { ...source, ...one, host, configured };
        const client = { pairs: clientPairs(from), hasHost: host !== null };
        const script = scriptPairs(from, from.documentRoot);
        const request = { ...from, made: made[index]! };
        const target = targets[index]!;
        const pairs = environmentPairs(client, script, request, target, from.contentLength, configured, names);
        assert.deepEqual({ ...environmentOf(pairs) }, makeEnvironment(from, new HeaderNames()));
      }
    }
  });

  it('says of a target that another request was read as well what that one sent', () => {
    const target = { query: 'a=b' };
    const client = { pairs: clientPairs(source), hasHost: false };
    const of = (sent: string): string => {
      const request = { ...source, target: sent };
      return environmentOf(environmentPairs(client, '', request, target, null, null, new HeaderNames())).REQUEST_URI!;
    };
    for (const sent of ['/a?a=b', '/%61?a=b', '/a?a=b']) assert.equal(of(sent), sent);
  });

  it('joins repeated fields of names that are not remembered any more', () => {
    const names = new HeaderNames();
    for (let count = 0; count < 2_000; count += 1) names.find(`x-${count}`);
    const headers = ['Late', '1', 'X-1', 'a', 'LATE', '2', 'x-1', 'b', 'late', '3'];
    for (let round = 0; round < 2; round += 1) {
      const environment = makeEnvironment({ ...source, headers }, names);
      assert.equal(environment.HTTP_LATE, '1, 2, 3');
      assert.equal(environment.HTTP_X_1, 'a, b');
    }
  });
});
