import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderNames, headerVariable } from '../../../src/protocol/cgi/header-variables.ts';

describe('headerVariable()', () => {
  it('makes HTTP_* of a name', () => {
    assert.equal(headerVariable('Accept-Language'), 'HTTP_ACCEPT_LANGUAGE');
    assert.equal(headerVariable('x-1'), 'HTTP_X_1');
  });

  for (const name of ['X_Real_Ip', 'a.b', '__proto__', 'x!', 'naïve', '']) {
    it(`drops ${JSON.stringify(name)} (rule 9: only names in [A-Za-z0-9-])`, () =>
      assert.equal(headerVariable(name), null));
  }

  const forged = ['Proxy', 'Redirect-Status', 'X-Sendfile', 'X-Sendfile-Type', 'X-Accel-Redirect', 'x-accel-mapping'];
  for (const name of forged) {
    it(`drops ${name} from a client (rule 9)`, () => assert.equal(headerVariable(name), null));
  }

  for (const name of ['Content-Length', 'content-type', 'Transfer-Encoding', 'Connection']) {
    it(`never makes HTTP_* of ${name} (rule 9)`, () => assert.equal(headerVariable(name), null));
  }
});

describe('HeaderNames', () => {
  it('tells of a dropped name once (rule 9: logged once)', () => {
    const dropped: string[] = [];
    const names = new HeaderNames((name) => dropped.push(name));
    for (let i = 0; i < 3; i++) names.variable('a_b');
    names.variable('Proxy');
    assert.deepEqual(dropped, ['a_b']);
  });

  it('remembers a limited number of names, and still knows the others', () => {
    let dropped = 0;
    const names = new HeaderNames(() => dropped++);
    for (let i = 0; i < 5000; i++) assert.equal(names.variable(`x_${i}`), null);
    assert.equal(dropped, 1024);
    assert.equal(names.variable('x-new'), 'HTTP_X_NEW');
  });
});
