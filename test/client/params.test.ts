import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeParams, type ParamsSource } from '../../src/client/params.ts';

const cases: [title: string, source: ParamsSource, expected: Record<string, string | undefined>][] = [
  [
    'an application that is no file',
    { url: '/a/b?c=d' },
    {
      SCRIPT_NAME: '/a/b',
      PATH_INFO: undefined,
      QUERY_STRING: 'c=d',
      REQUEST_URI: '/a/b?c=d',
      SCRIPT_FILENAME: undefined,
      DOCUMENT_ROOT: undefined,
    },
  ],
  [
    'a script alone',
    { script: '/srv/www/index.php' },
    { SCRIPT_NAME: '/index.php', SCRIPT_FILENAME: '/srv/www/index.php', DOCUMENT_ROOT: '/srv/www', REQUEST_URI: '/' },
  ],
  [
    'a script in the URL',
    { script: '/srv/www/b/a.php', url: '/b/a.php' },
    { SCRIPT_NAME: '/b/a.php', DOCUMENT_ROOT: '/srv/www', PATH_INFO: undefined },
  ],
  [
    'a script and a path behind it',
    { script: '/srv/www/a.php', url: '/a.php/x/y?z' },
    { SCRIPT_NAME: '/a.php', PATH_INFO: '/x/y', PATH_TRANSLATED: undefined, QUERY_STRING: 'z' },
  ],
  [
    'a script whose name only begins like the path',
    { script: '/srv/a.php', url: '/a.phpx' },
    { SCRIPT_NAME: '/a.phpx', PATH_INFO: undefined },
  ],
  [
    'a script that is not in the URL',
    { script: '/srv/www/front.php', url: '/pretty' },
    { SCRIPT_NAME: '/pretty', DOCUMENT_ROOT: '/srv/www' },
  ],
  ['a script name that is given', { url: '/app/x', scriptName: '/app' }, { SCRIPT_NAME: '/app', PATH_INFO: '/x' }],
  [
    'header fields',
    { headers: { Host: 'h', 'Content-Type': 'text/plain', 'X-A-b': 'c', Proxy: 'p', X_Y: 'z' } },
    {
      HTTP_HOST: 'h',
      CONTENT_TYPE: 'text/plain',
      HTTP_X_A_B: 'c',
      HTTP_PROXY: undefined,
      HTTP_CONTENT_TYPE: undefined,
    },
  ],
  [
    'variables of its own, which win',
    { method: 'POST', params: { REQUEST_METHOD: 'PUT', X: 'y' } },
    { REQUEST_METHOD: 'PUT', X: 'y' },
  ],
  [
    'text that is not ASCII, as UTF-8',
    { url: '/é', headers: { X: 'é' } },
    { SCRIPT_NAME: '/\xc3\xa9', HTTP_X: '\xc3\xa9' },
  ],
];

describe('makeParams()', () => {
  for (const [title, source, expected] of cases) {
    it(`makes variables for ${title}`, () => {
      const environment = makeParams(source);
      for (const [name, value] of Object.entries(expected)) assert.equal(environment[name], value, name);
    });
  }

  it('tells the length of a body, and none where it is not known', () => {
    assert.equal(makeParams({}, 5).CONTENT_LENGTH, '5');
    assert.equal(makeParams({}, null).CONTENT_LENGTH, undefined);
  });
});
