import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTemplate, redirectTo, rewriteTo, type TargetFacts } from '../../src/rules/target-template.ts';

function facts(parts: Record<string, string>, given: Partial<TargetFacts['target']> = {}): TargetFacts {
  const target = { path: '/asked', query: 'q=1', nameLength: 6, ...given };
  return { target, parts, host: 'example.org:8000', scheme: 'https' };
}

function redirect(template: string, parts: Record<string, string> = {}, given: Partial<TargetFacts['target']> = {}) {
  return redirectTo(parseTemplate(template, Object.keys(parts)), facts(parts, given));
}

function rewrite(template: string, parts: Record<string, string> = {}, given: Partial<TargetFacts['target']> = {}) {
  const { path, query } = rewriteTo(parseTemplate(template, Object.keys(parts)), facts(parts, given));
  return query === '' ? path : `${path}?${query}`;
}

describe('where a rule redirects to', () => {
  it('keeps the query, but where the target has one of its own, or ends in "?"', () => {
    assert.equal(redirect('/new/$1', { 1: 'a' }), '/new/a?q=1');
    assert.equal(redirect('/new?x=2'), '/new?x=2');
    assert.equal(redirect('/new?x=2&$query'), '/new?x=2&q=1');
    assert.equal(redirect('/new?x=2&$query', {}, { query: '' }), '/new?x=2');
    assert.equal(redirect('/new?'), '/new');
    assert.equal(redirect('/new#part'), '/new?q=1#part');
  });

  it('encodes what a part holds for where it stands', () => {
    assert.equal(redirect('/n/$1?', { 1: 'a b%2F?#\r\n' }), '/n/a%20b%252F%3F%23%0D%0A');
    assert.equal(redirect('/n?p=$1', { 1: 'a b&c=d+e/f' }), '/n?p=a%20b%26c%3Dd%2Be/f');
    assert.equal(redirect('/caf\u00e9?'), '/caf%C3%A9');
  });

  it('stays on the site where it begins with a slash, whatever a part holds', () => {
    assert.equal(redirect('/$1?', { 1: '/evil.example' }), '/evil.example');
    assert.equal(redirect('/$1?', { 1: '\\evil.example' }), '/%5Cevil.example');
    assert.equal(redirect('$1?', { 1: '/a' }), '/a');
  });

  it('knows the host, the scheme and the path', () => {
    assert.equal(redirect('https://$host$path'), 'https://example.org:8000/asked?q=1');
    assert.equal(redirect('$scheme://www.example.org$uri?$args'), 'https://www.example.org/asked?q=1');
    assert.equal(redirect('/$$5?'), '/$5');
  });

  it('refuses a name that it does not know, and control bytes', () => {
    assert.throws(() => parseTemplate('/x/$2', ['1']), /there is no \$2: there are \$1, \$path/);
    assert.throws(() => parseTemplate('/x y', []), { code: 'CONFIG_INVALID' });
  });
});

describe('what a rule rewrites to', () => {
  it('is a path that is normalised, and never above the root', () => {
    assert.equal(rewrite('/x.php?p=$1', { 1: 'a b' }), '/x.php?p=a%20b');
    assert.equal(rewrite('/files/$1', { 1: '../../etc/passwd' }), '/etc/passwd?q=1');
    assert.equal(rewrite('/$1', { 1: '/a//b' }), '/a/b?q=1');
  });

  it('lets what held an encoded slash name no file (rule 1)', () => {
    const target = { path: '/a/b/c', query: '', nameLength: 2 };
    const template = parseTemplate('/index.php/$1', ['1']);
    assert.equal(rewriteTo(template, { ...facts({ 1: 'b/c' }), target }).nameLength, '/index.php/'.length);
    assert.equal(rewriteTo(parseTemplate('/index.php', []), { ...facts({}), target }).nameLength, '/index.php'.length);
  });
});
