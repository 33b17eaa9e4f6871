import assert from 'node:assert/strict';
import { chmodSync, linkSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Decision } from '../../src/gateway/script.ts';
import type { Site } from '../../src/gateway/site.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { httpRequest } from '../support/recording-answer.ts';
import { makeSite, route, writeFiles } from '../support/site.ts';

const files = {
  'index.php': '',
  'a.php': '',
  'style.css': '',
  'caf\u00e9.php': '',
  'blog/index.php': '',
  'docs/index.html': '',
  'empty/': '',
  'dir.php/inner.php': '',
  'dir.php/index.html': '',
  'dir.php/style.css': '',
  'upload/x.jpg': '',
  'cgi-bin/hello.cgi': '',
  'cgi-bin/deep/er.cgi': '',
  '.env': '',
  '.git/config': '',
  '.well-known/acme/token': '',
  'a.php~': '',
  'a.php.bak': '',
  'b.php.swp': '',
  'c.php.orig': '',
};

/** What a site answers a path with, in short: "run SCRIPT_NAME PATH_INFO", "file /PATH", "redirect TO" or "404". */
function short(decision: Decision, root: string): string {
  if (decision.kind === 'run')
    return `run ${decision.scriptName}${decision.pathInfo === '' ? '' : ` ${decision.pathInfo}`}`;
  if (decision.kind === 'file') return `file ${decision.entry.realPath.slice(realpathSync(root).length)}`;
  return decision.kind === 'redirect' ? `redirect ${decision.location}` : '404';
}

function decider(t: TestContext, given: Partial<Site> = {}, clock?: FakeClock) {
  const site = makeSite(t, files, given, clock);
  writeFileSync(Buffer.concat([Buffer.from(`${site.root}/`), Buffer.from([0xff]), Buffer.from('.php')]), '');
  const decide = (target: string): string => short(site.gateway.explain(httpRequest(target)).decision!, site.root);
  return { ...site, decide };
}

const plain: readonly [target: string, answer: string, why: string][] = [
  ['/a.php', 'run /a.php', 'a script'],
  ['/a.php?x=/b.php', 'run /a.php', 'a query string is no path'],
  ['/a.php/b/c', 'run /a.php /b/c', 'what follows the script is PATH_INFO'],
  ['/a.php/b.php', 'run /a.php /b.php', 'the first file is the script'],
  ['/a.php/', 'run /a.php /', 'a slash after the script is PATH_INFO'],
  ['/dir.php/inner.php', 'run /dir.php/inner.php', 'a folder may have a suffix too'],
  ['/caf%C3%A9.php', 'run /caf\xc3\xa9.php', 'names are bytes'],
  ['/style.css', 'file /style.css', 'a file'],
  ['/docs/', 'file /docs/index.html', 'an index file'],
  ['/', 'run /index.php', 'an index script'],
  ['/blog/', 'run /blog/index.php', 'an index script in a folder'],
  ['/blog', 'redirect /blog/', 'a folder without its slash'],
  ['/blog?a=b', 'redirect /blog/?a=b', 'the query goes along'],
  ['//blog', 'redirect /blog/', 'never to "//host"'],
  ['/empty/', '404', 'a folder is not listed'],
  ['/empty', '404', 'nothing is gained by a slash there'],
  ['/style.css/', '404', 'a file is no folder'],
  ['/nothing.php', '404', 'rule 2: the script must exist'],
  ['/upload/x.jpg/y.php', '404', 'rule 2: upload/x.jpg/y.php runs nothing'],
  ['/A.php', '404', 'rule 4: the suffix matched, so no file is sent either'],
  ['/a%2Ephp', 'run /a.php', 'rule 1: decoded once, for all'],
  ['/x/../a.php', 'run /a.php', 'rule 1: normalised once, for all'],
  ['/upload%2Fx.jpg', '404', 'rule 1: %2F in a mapped path'],
  ['/upload%5Cx.jpg', '404', 'rule 1: %5C in a mapped path'],
  ['/%ff.php', 'run /\xff.php', 'a name that is not UTF-8'],
  ['/a.php/b%2Fc', 'run /a.php /b/c', 'rule 1: %2F behind a script belongs to PATH_INFO'],
  ['/a.php/b%5cc/d', 'run /a.php /b\\c/d', 'rule 1: so does %5C'],
  ['/a.php%2Fb', '404', 'rule 1: but the part that names it holds none'],
  ['/dir.php', 'redirect /dir.php/', 'a folder whose name ends in .php is a folder'],
  ['/dir.php/', 'file /dir.php/index.html', 'and has an index'],
  ['/dir.php/style.css', 'file /dir.php/style.css', 'and files'],
  ['/.env', '404', 'rule 5: dotfiles are denied'],
  ['/.git/config', '404', 'rule 5: dotfolders are denied'],
  ['/%2egit/config', '404', 'rule 5, after decoding'],
  ['/.well-known/acme/token', 'file /.well-known/acme/token', 'rule 5: but not /.well-known/'],
  ['/a.php~', '404', 'rule 5: "~"'],
  ['/a.php.bak', '404', 'rule 5: ".bak"'],
  ['/b.php.swp', '404', 'rule 5: ".swp"'],
  ['/c.php.orig', '404', 'rule 5: ".orig"'],
  ['/app', 'run /app', 'a mount'],
  ['/app/', 'run /app /', 'a mount and its slash'],
  ['/app/.hidden/x', 'run /app /.hidden/x', 'a mount has no files to hide'],
  ['/app/a%2Fb', 'run /app /a/b', 'nor any to map'],
  [`/${'a'.repeat(5000)}`, '404', 'a name that is too long'],
];

describe('decide()', () => {
  it('answers what the path asks for', async (t) => {
    const { decide } = decider(t);
    for (const [target, answer, why] of plain) {
      await t.test(`${target.slice(0, 60)}: ${why}`, () => assert.equal(decide(target), answer));
    }
  });

  it('finds a script below a prefix on the way down', (t) => {
    const { backend } = makeSite(t);
    const { decide } = decider(t, { routes: [route('/cgi-bin/*', 'script', backend)] });
    assert.equal(decide('/cgi-bin/hello.cgi/a/b'), 'run /cgi-bin/hello.cgi /a/b');
    assert.equal(decide('/cgi-bin/deep/er.cgi'), 'run /cgi-bin/deep/er.cgi');
    assert.equal(decide('/cgi-bin/deep'), '404');
    assert.equal(decide('/cgi-bin/'), '404');
    assert.equal(decide('/cgi-bin/none'), '404');
    assert.equal(decide('/a.php'), '404', 'no route for *.php here: source is never handed out');
  });

  it('gives a whole path to an exact route', (t) => {
    const { backend } = makeSite(t);
    const { decide } = decider(t, { routes: [route('/a.php', 'script', backend), { match: '*.php', kind: 'deny' }] });
    assert.equal(decide('/a.php'), 'run /a.php');
    assert.equal(decide('/a.php/b'), '404');
    assert.equal(decide('/index.php'), '404');
  });

  it('gives to the fallback what is neither file nor script, with PATH_INFO empty', (t) => {
    const { decide } = decider(t, { fallback: '/index.php' });
    for (const target of ['/pretty/link', '/nothing.php', '/upload/x.jpg/y.php', '/empty/', '/a%2Fb']) {
      assert.equal(decide(target), 'run /index.php', target);
    }
    assert.equal(decide('/style.css'), 'file /style.css');
    assert.equal(decide('/.env'), '404', 'what is hidden is not there for the fallback either');
  });

  it('answers 404 when the fallback is not there itself', (t) => {
    const { decide } = decider(t, { fallback: '/missing.php' });
    assert.equal(decide('/pretty'), '404');
  });

  it('sends a file as the fallback of an application that runs in the browser', (t) => {
    const { decide } = decider(t, { fallback: '/docs/index.html' });
    assert.equal(decide('/any/where'), 'file /docs/index.html');
  });

  it('serves nothing but mounts where there is no root', (t) => {
    const { decide } = decider(t, { root: null });
    assert.equal(decide('/app/x'), 'run /app /x');
    assert.equal(decide('/a.php'), '404');
    assert.equal(decide('/style.css'), '404');
  });
});

describe('a route to a backend that runs only some names', () => {
  const blog = {
    'blog/index.php': '',
    'blog/post.php': '',
    'blog/style.css': '',
    'blog/uploads/x.gif': '<?php',
    'blog/lib/x.inc': '',
    'blog/page/index.html': '',
    'blog/deep.php/index.php': '',
  };
  const below = (t: TestContext, more: Partial<Site> = {}, extra: Parameters<typeof route>[3] = {}) => {
    const { backend } = makeSite(t);
    const routes = [route('/blog/*', 'script', backend, { extensions: ['.php', '.phar'], ...extra })];
    const site = makeSite(t, blog, { routes, ...more });
    return (target: string): string => short(site.gateway.explain(httpRequest(target)).decision!, site.root);
  };
  const rows: readonly [target: string, answer: string, why: string][] = [
    ['/blog/post.php/x', 'run /blog/post.php /x', 'a script'],
    ['/blog/uploads/x.gif', 'file /blog/uploads/x.gif', 'another file is a file, whatever it holds'],
    ['/blog/uploads/x.gif/y.php', '404', 'rule 2: upload/x.jpg/y.php runs nothing'],
    ['/blog/style.css', 'file /blog/style.css', 'a file'],
    ['/blog/lib/x.inc', '404', 'but no source'],
    ['/blog/', 'run /blog/index.php', 'the index of the folder itself'],
    ['/blog', 'redirect /blog/', 'and its address without a slash'],
    ['/blog/page/', 'file /blog/page/index.html', 'the index of a folder below'],
    ['/blog/deep.php/', 'run /blog/deep.php/index.php', 'a folder that is named like a script'],
    ['/blog/none.php', '404', 'nothing'],
  ];
  for (const [target, answer, why] of rows) {
    it(`runs no others below a prefix: ${target}: ${why}`, (t) => assert.equal(below(t)(target), answer));
  }

  it('runs no others by their end or their path either', (t) => {
    const { backend } = makeSite(t);
    const php = { extensions: ['.php'] };
    const routes = [
      route('*.php', 'script', backend, php),
      route('*.gif', 'script', backend, php),
      route('/blog/style.css', 'script', backend, php),
    ];
    const site = makeSite(t, blog, { routes });
    const decide = (target: string): string => short(site.gateway.explain(httpRequest(target)).decision!, site.root);
    assert.equal(decide('/blog/post.php'), 'run /blog/post.php');
    assert.equal(decide('/blog/uploads/x.gif'), '404');
    assert.equal(decide('/blog/style.css'), '404');
  });

  it('has a front controller of its own', (t) => {
    const decide = below(t, { fallback: '/blog/post.php' }, { fallback: '/blog/index.php' });
    assert.equal(decide('/blog/any/where'), 'run /blog/index.php');
    assert.equal(decide('/else'), 'run /blog/post.php');
  });

  it('looks in a folder of its own, which stands for its prefix', (t) => {
    const { root } = makeSite(t, { 'a.php': '', 'x/index.php': '', 'style.css': '', 'index.php': '' });
    const decide = below(t, {}, { root });
    const { backend } = makeSite(t);
    const site = makeSite(t, blog, { routes: [route('/my/*', 'script', backend, { extensions: ['.php'], root })] });
    const { decision, environment } = site.gateway.explain(httpRequest('/my/a.php/info'));
    assert.equal(short(decision!, root), 'run /my/a.php /info');
    assert.equal(environment?.SCRIPT_FILENAME, `${realpathSync(root)}/a.php`);
    assert.equal(environment?.DOCUMENT_ROOT, realpathSync(site.root));
    assert.equal(decide('/blog/post.php'), '404');
    assert.equal(decide('/blog'), 'redirect /blog/');
    assert.equal(decide('/blog/'), 'run /blog/index.php');
    assert.equal(decide('/blog/x'), 'redirect /blog/x/');
    assert.equal(decide('/blog/x/'), 'run /blog/x/index.php');
    assert.equal(decide('/blog/a%2Fb'), '404');
  });
});

describe('names that are never handed out (rule 5)', () => {
  const names = [
    ...['s.php.save', 's.php.txt', '#s.php#', 's.php.', 's.php ', 's.php~', 's.php.swo', 's.php.dpkg-old', 's.php-old'],
    ...['s.php5', 's.php7', 's.phtml', 's.phar', 's.inc', 's.PHP', 's.pht', 's.phps', 's.php,v'],
    ...['s.\uff30\uff28\uff30', 's\uff0ephp', 's.ph\u200bp', 's.p\u0323hp', 's.phtm\u2113', 's.\u24df\u24d7\u24df'],
    ...['composer.json', 'composer.lock', 'package.json', 'web.config', 'error_log', 'Composer.JSON'],
    ...['dump.sql', 'debug.log', 'php.ini', 'a.old', 'a.save', '.htaccess', 'a.css~', '#a.css#', 'DUMP.SQL', 'a.LOG'],
  ];
  for (const name of names) {
    it(`${JSON.stringify(name)}, at any depth`, (t) => {
      const { gateway, root } = makeSite(t, { [name]: 'x', [`deep/er/${name}`]: 'x' }, { routes: [] });
      const path = encodeURIComponent(name);
      for (const target of [`/${path}`, `/deep/er/${path}`])
        assert.equal(short(gateway.explain(httpRequest(target)).decision!, root), '404', target);
    });
  }

  it('but the others', (t) => {
    const others = ['phpinfo.txt', 'a.phpx', 'inc.js', 'logs.html', 'a.ini.html', 'composer.json.html', '#', 'php'];
    const { gateway, root } = makeSite(t, Object.fromEntries(others.map((name) => [name, ''])));
    for (const name of others) {
      const target = `/${encodeURIComponent(name)}`;
      assert.equal(short(gateway.explain(httpRequest(target)).decision!, root), `file /${name}`);
    }
  });

  it('executable CGI programs that no route runs: 403, and the log says what to do', (t) => {
    const names = ['hello.cgi', 'a.pl', 'b.FCGI', 'cgi-bin/env', 'cgi-bin/deep/er.sh'];
    const others = ['install.sh', 'notes.pl', 'cgi-bin/readme.txt'];
    const files = Object.fromEntries([...names, ...others].map((name) => [name, '#!/bin/sh\n']));
    const routes: Site['routes'] = [{ match: '/cgi-bin/deep/*', kind: 'files', source: true }];
    const { gateway, root } = makeSite(t, files, { routes });
    for (const name of [...names, 'install.sh']) chmodSync(join(root, name), 0o755);
    const decide = (name: string): Decision => gateway.explain(httpRequest(`/${name}`)).decision!;
    for (const name of names.slice(0, 4)) {
      const decision = decide(name);
      assert.ok(decision.kind === 'refuse' && decision.code === 'FORBIDDEN' && decision.isHint === true, name);
      assert.match(decision.why, /cgi = true/);
    }
    for (const name of [names[4]!, ...others]) assert.equal(short(decide(name), root), `file /${name}`);
  });

  it('unless a route says source, or the site names them', (t) => {
    const routes: Site['routes'] = [
      { match: '/src/*', kind: 'files', source: true },
      { match: '/img/*', kind: 'files' },
    ];
    const given = { routes, visibleNames: ['package.json', 'a.php.txt'] };
    const some = { 'src/a.php': '', 'src/a.php.save': '', 'img/a.php': '', 'package.json': '', 'x/a.php.txt': '' };
    const { gateway, root } = makeSite(t, some, given);
    const decide = (target: string): string => short(gateway.explain(httpRequest(target)).decision!, root);
    assert.equal(decide('/src/a.php'), 'file /src/a.php');
    assert.equal(decide('/src/a.php.save'), '404', 'which is hidden by another rule');
    assert.equal(decide('/img/a.php'), '404');
    assert.equal(decide('/package.json'), 'file /package.json');
    assert.equal(decide('/x/a.php.txt'), 'file /x/a.php.txt');
  });

  it('are there for the front controller where no such file is', (t) => {
    const { decide } = decider(t, { fallback: '/index.php' });
    assert.equal(decide('/wiki/php.ini'), 'run /index.php');
    assert.equal(decide('/a.php.bak'), '404');
    assert.equal(decide('/wiki/.htaccess'), '404', "a name with a dot ahead is nobody's");
  });

  it('are passed over among the index files', (t) => {
    const { gateway, root } = makeSite(t, { 'index.php': '', 'index.html': '', 'only/index.php': '' }, { routes: [] });
    const decide = (target: string): string => short(gateway.explain(httpRequest(target)).decision!, root);
    assert.equal(decide('/'), 'file /index.html');
    assert.equal(decide('/only/'), '404');
  });
});

describe('files of the service (rule 5)', () => {
  it('are not there by any name: themselves, their rotations and copies, hard links', (t) => {
    const folder = temporaryFolder(t);
    const names = [
      ...['postern.toml', 'postern.toml.old', 'postern.toml.save', 'postern.toml.1', 'prod.toml', 'prod.toml.1'],
      ...['postern.log.1', 'postern.log.2.gz', 'postern-20260101.log.gz', 'POSTERN.LOG.3'],
    ];
    writeFiles(folder, Object.fromEntries([...names, 'postern.html', 'log/prod.toml'].map((name) => [name, ''])));
    linkSync(join(folder, 'postern.toml'), join(folder, 'hard.txt'));
    const hiddenFiles = [join(folder, 'postern.toml'), join(folder, 'postern.log')];
    const { gateway } = makeSite(t, {}, { root: folder, hiddenFiles, hiddenSuffixes: [] });
    const decide = (target: string): string => short(gateway.explain(httpRequest(target)).decision!, folder);
    for (const name of [...names, 'hard.txt']) assert.equal(decide(`/${name}`), '404', name);
    assert.equal(decide('/postern.html'), 'file /postern.html');
    assert.equal(decide('/log/prod.toml'), 'file /log/prod.toml');
  });
});

describe('routes', () => {
  it('are asked in the order of the configuration', (t) => {
    const { backend } = makeSite(t);
    const deny = { match: '/blog/*', kind: 'deny' } as const;
    const php = route('*.php', 'script', backend);
    assert.equal(decider(t, { routes: [deny, php] }).decide('/blog/index.php'), '404');
    assert.equal(decider(t, { routes: [php, deny] }).decide('/blog/index.php'), 'run /blog/index.php');
  });

  it('that cannot be are refused: no pattern, a mount by a suffix, a script by a name', (t) => {
    const { backend } = makeSite(t);
    const wrong: Site['routes'] = [
      { match: '*php', kind: 'files' },
      { match: '/a?', kind: 'files' },
      route('*.php', 'mount', backend),
      route('/up/*.php', 'mount', backend),
      route('a.php', 'script', backend),
    ];
    for (const one of wrong) {
      assert.throws(() => makeSite(t, {}, { routes: [one] }), { code: 'CONFIG_INVALID' }, one.match);
    }
  });
});

describe('symbolic links', () => {
  it('are followed inside the root, and denied where they leave it (rule 5)', (t) => {
    const { root, decide } = decider(t, { pathCacheMs: 0 });
    const outside = temporaryFolder(t);
    writeFiles(outside, { 'secret.txt': '', 'x.php': '' });
    symlinkSync(join(root, 'style.css'), join(root, 'linked.css'));
    symlinkSync(join(outside, 'secret.txt'), join(root, 'secret.txt'));
    symlinkSync(join(outside, 'x.php'), join(root, 'x.php'));
    symlinkSync(outside, join(root, 'out'));
    assert.equal(decide('/linked.css'), 'file /style.css');
    for (const target of ['/secret.txt', '/x.php', '/out/secret.txt', '/out/x.php'])
      assert.equal(decide(target), '404', target);
  });

  it('leave the root for the folders that are allowed', (t) => {
    const outside = temporaryFolder(t);
    writeFiles(outside, { 'x.php': '' });
    const { root, decide } = decider(t, { linkFolders: [outside] });
    symlinkSync(outside, join(root, 'out'));
    assert.equal(decide('/out/x.php'), 'run /out/x.php');
  });

  it('knows no file that is ours, by whatever name it is asked for', (t) => {
    const folder = temporaryFolder(t);
    writeFiles(folder, { 'postern.toml': '', 'other.toml': '' });
    symlinkSync('postern.toml', join(folder, 'link.toml'));
    const hiddenFiles = [join(folder, 'postern.toml'), join(folder, 'not-there')];
    const { gateway } = makeSite(t, {}, { root: folder, hiddenFiles });
    const decide = (target: string): string => short(gateway.explain(httpRequest(target)).decision!, folder);
    for (const target of ['/postern.toml', '/link.toml', '/other.toml']) assert.equal(decide(target), '404', target);
  });

  it('do not make a hidden file visible, nor a script readable (rule 4)', (t) => {
    const { root, decide } = decider(t);
    symlinkSync(join(root, '.env'), join(root, 'env.txt'));
    symlinkSync(join(root, 'a.php'), join(root, 'source.txt'));
    assert.equal(decide('/env.txt'), '404');
    assert.equal(decide('/source.txt'), '404');
  });

  it('lead to nothing that a route denies', (t) => {
    const { root, decide } = decider(t, { routes: [{ match: '/docs/*', kind: 'deny' }] });
    symlinkSync(join(root, 'docs'), join(root, 'manual'));
    assert.equal(decide('/docs/index.html'), '404');
    assert.equal(decide('/manual/index.html'), '404');
    assert.equal(decide('/manual/'), '404');
  });

  it('that go in a circle lead nowhere', (t) => {
    const { root, decide } = decider(t);
    symlinkSync('loop', join(root, 'loop'));
    assert.equal(decide('/loop'), '404');
  });
});

describe('the cache of paths', () => {
  it('sees at once what comes before a page that it has found, and goes on with that one', (t) => {
    const clock = new FakeClock();
    const { root, decide } = decider(t, { pathCacheMs: 1_000, index: ['index.html', 'index.php'] }, clock);
    for (let round = 0; round < 2; round += 1) {
      assert.equal(decide('/blog/'), 'run /blog/index.php');
      assert.equal(decide('/blog/index.php'), 'run /blog/index.php');
      assert.equal(decide('/style.css'), 'file /style.css');
    }
    writeFileSync(join(root, 'blog/index.html'), '');
    assert.equal(decide('/blog/'), 'file /blog/index.html');
    rmSync(join(root, 'blog/index.php'));
    assert.equal(decide('/blog/index.php'), 'run /blog/index.php');
    clock.advance(1_000);
    assert.equal(decide('/blog/index.php'), '404');
    assert.equal(decide('/style.css'), 'file /style.css');
  });

  it('sees a new file at once, and a removed one after pathCacheMs', (t) => {
    const clock = new FakeClock();
    const { root, decide } = decider(t, {}, clock);
    assert.equal(decide('/new.php'), '404');
    writeFileSync(join(root, 'new.php'), '');
    assert.equal(decide('/new.php'), 'run /new.php');
    rmSync(join(root, 'new.php'));
    assert.equal(decide('/new.php'), 'run /new.php');
    clock.advance(1000);
    assert.equal(decide('/new.php'), '404');
  });

  it('follows a root that is a link to the next release', (t) => {
    const folder = temporaryFolder(t);
    writeFiles(folder, { 'one/a.php': '', 'two/b.php': '' });
    symlinkSync(join(folder, 'one'), join(folder, 'current'));
    const clock = new FakeClock();
    const { gateway } = makeSite(t, {}, { root: join(folder, 'current') }, clock);
    const script = (target: string): string | undefined =>
      gateway.explain(httpRequest(target)).environment?.SCRIPT_FILENAME;
    assert.equal(script('/a.php'), join(realpathSync(folder), 'one/a.php'));
    symlinkSync(join(folder, 'two'), join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'current'));
    clock.advance(1000);
    assert.equal(script('/a.php'), undefined);
    assert.equal(script('/b.php'), join(realpathSync(folder), 'two/b.php'));
  });
});
