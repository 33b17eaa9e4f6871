import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { ask, httpRequest, postRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { rulesOf } from '../support/rules.ts';
import { type Script, ScriptedBackend } from '../support/scripted-backend.ts';
import { makeSite } from '../support/site.ts';
import { until } from '../support/until.ts';

type Role = 'authorizer' | 'authenticator' | 'accessChecker';

function siteWith(t: TestContext, role: Role, script: Script) {
  const authorizer = new ScriptedBackend(script);
  const rules = rulesOf([{ match: '/*', auth: { pool: 'who', role, realm: 'R' } }]);
  const site = makeSite(t, undefined, { rules, authorizers: { who: authorizer } });
  return { ...site, authorizer };
}

/** Answers with a head and a body. */
function answering(status: number, headers: string[], body = ''): Script {
  return ({ sink }) => {
    sink.head({ status, reason: '', headers });
    sink.write(Buffer.from(body));
    sink.end();
    return undefined;
  };
}

const credentials = ['Host', 'example.org', 'Authorization', `Basic ${Buffer.from('ann:secret').toString('base64')}`];

describe('a program that decides who may', () => {
  it('lets a request on, with its variables in the environment of what follows', async (t) => {
    const headers = [
      'Variable-REMOTE_USER',
      'ann',
      'variable-group',
      'staff',
      'Variable-SCRIPT_FILENAME',
      '/etc/passwd',
      'X-A',
      '1',
    ];
    const { gateway, backend, authorizer } = siteWith(t, 'authorizer', answering(200, headers, 'not shown'));
    const answer = await ask(gateway.handle, httpRequest('/index.php/x?y'));
    assert.deepEqual([answer.status, answer.text, answer.field('X-A')], [200, 'hello', undefined]);
    const { environment } = backend.requests[0]!;
    assert.deepEqual([environment.REMOTE_USER, environment.group], ['ann', 'staff']);
    assert.match(environment.SCRIPT_FILENAME!, /index\.php$/, 'what runs is decided already');
    const asked = authorizer.requests[0]!;
    assert.equal(asked.role, 'authorizer');
    assert.deepEqual(
      ['CONTENT_LENGTH', 'PATH_INFO', 'PATH_TRANSLATED', 'SCRIPT_NAME', 'SCRIPT_FILENAME'].filter(
        (name) => name in asked.environment,
      ),
      [],
    );
    assert.deepEqual(
      [asked.environment.REQUEST_URI, asked.environment.FCGI_ROLE, asked.environment.FCGI_APACHE_ROLE],
      ['/index.php/x?y', 'AUTHORIZER', 'AUTHORIZER'],
    );
  });

  it('answers the client itself where it refuses (FastCGI 1.0, 6.3)', async (t) => {
    const headers = ['WWW-Authenticate', 'Basic realm="mine"', 'Variable-X', '1'];
    const { gateway, backend } = siteWith(t, 'authorizer', answering(401, headers, 'who are you?'));
    const request = postRequest('/index.php', 'body');
    const answer = await ask(gateway.handle, request);
    assert.deepEqual([answer.status, answer.text], [401, 'who are you?']);
    assert.deepEqual(answer.headers, ['WWW-Authenticate', 'Basic realm="mine"']);
    assert.equal(backend.requests.length, 0);
    assert.equal(request.body!.readableDidRead, false, 'the body was not read');
    assert.equal(gateway.active, 0);
  });

  it('redirects by a Location, which is no leave', async (t) => {
    const { gateway, backend } = siteWith(t, 'authorizer', answering(200, ['Location', 'https://login.example/']));
    const answer = await ask(gateway.handle, '/index.php');
    assert.deepEqual([answer.status, answer.field('Location')], [302, 'https://login.example/']);
    assert.equal(backend.requests.length, 0);
  });

  it('lets nobody in where it fails', async (t) => {
    const { gateway, backend } = siteWith(t, 'authorizer', ({ sink }) => {
      sink.fail(new PosternError('UNKNOWN_ROLE', 'it knows no such role'));
      return undefined;
    });
    assert.equal((await ask(gateway.handle, '/index.php')).status, 502);
    assert.equal(backend.requests.length, 0);
  });

  it('is stopped when the client goes away', async (t) => {
    const { gateway, authorizer } = siteWith(t, 'authorizer', () => undefined);
    const answer = new RecordingAnswer();
    gateway.handle(httpRequest('/index.php'), answer);
    await until(() => authorizer.requests.length === 1);
    answer.listener?.gone();
    assert.equal(authorizer.aborted, 1);
    assert.equal(gateway.active, 0);
  });

  it('as authenticator is given user and password, and its no is 401', async (t) => {
    const { gateway, backend, authorizer } = siteWith(t, 'authenticator', ({ request, sink }) => {
      const isRight = request.environment.REMOTE_PASSWD === 'secret';
      sink.head({ status: isRight ? 200 : 403, reason: '', headers: [] });
      sink.end();
      return undefined;
    });
    const none = await ask(gateway.handle, '/index.php');
    assert.deepEqual([none.status, none.field('WWW-Authenticate')], [401, 'Basic realm="R", charset="UTF-8"']);
    assert.equal(authorizer.requests.length, 0);
    assert.equal((await ask(gateway.handle, httpRequest('/index.php', { headers: credentials }))).status, 200);
    assert.equal(backend.requests[0]!.environment.REMOTE_USER, 'ann');
    assert.equal(backend.requests[0]!.environment.REMOTE_PASSWD, undefined);
    const wrong = ['Host', 'a', 'Authorization', `Basic ${Buffer.from('ann:no').toString('base64')}`];
    const refused = await ask(gateway.handle, httpRequest('/index.php', { headers: wrong }));
    assert.deepEqual([refused.status, refused.field('WWW-Authenticate')], [401, 'Basic realm="R", charset="UTF-8"']);
  });

  it("as accessChecker's no is 403", async (t) => {
    const { gateway } = siteWith(t, 'accessChecker', answering(500, [], 'no'));
    const answer = await ask(gateway.handle, '/index.php');
    assert.equal(answer.status, 403);
    assert.doesNotMatch(answer.text, /^no$/);
  });
});
