// Holds the sources against the import table: which folder may import which.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

/** Folder -> the folders it may import, besides itself and the files in the root of src. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  connection: ['protocol'],
  'fastcgi-server': ['protocol', 'connection'],
  queue: ['protocol'],
  worker: ['protocol', 'connection'],
  leases: ['protocol', 'connection', 'worker', 'queue'],
  pool: ['protocol', 'connection', 'worker', 'queue', 'leases'],
  upstream: ['protocol', 'connection', 'queue'],
  cgi: ['protocol', 'worker', 'queue'],
  rules: ['protocol'],
  gateway: ['protocol', 'rules'],
  http2: ['protocol'],
  front: ['protocol', 'connection', 'fastcgi-server', 'gateway', 'http2'],
  tls: ['protocol'],
  acme: ['protocol', 'tls'],
  certificates: ['protocol', 'tls', 'acme', 'config'],
  php: ['protocol', 'worker'],
  client: ['protocol', 'connection', 'queue', 'upstream'],
  app: ['protocol', 'connection', 'fastcgi-server', 'queue'],
  config: ['protocol', 'connection', 'worker', 'php', 'rules'],
  admin: [],
  launcher: ['protocol', 'connection', 'worker', 'pool'],
  control: ['protocol', 'connection', 'config', 'admin'],
  backend: [
    'protocol',
    'connection',
    'queue',
    'worker',
    'leases',
    'pool',
    'upstream',
    'cgi',
    'php',
    'config',
    'launcher',
  ],
  sites: ['admin', 'protocol', 'connection', 'queue', 'worker', 'rules', 'gateway', 'front', 'tls', 'config'],
  threads: [
    'protocol',
    'connection',
    'queue',
    'worker',
    'leases',
    'upstream',
    'cgi',
    'gateway',
    'front',
    'tls',
    'config',
    'launcher',
    'backend',
    'sites',
  ],
  trial: [
    'protocol',
    'connection',
    'worker',
    'gateway',
    'certificates',
    'php',
    'config',
    'control',
    'backend',
    'sites',
    'admin',
  ],
  service: [
    'protocol',
    'connection',
    'queue',
    'worker',
    'gateway',
    'tls',
    'certificates',
    'php',
    'config',
    'control',
    'launcher',
    'backend',
    'sites',
    'threads',
  ],
  cli: [
    'worker',
    'php',
    'client',
    'config',
    'certificates',
    'admin',
    'launcher',
    'control',
    'backend',
    'sites',
    'trial',
    'service',
  ],
};

/** Folder -> the folders it may import types from, besides those above. */
const mayImportTypes: Readonly<Record<string, readonly string[]>> = {
  worker: ['queue'],
  admin: ['queue', 'pool', 'worker', 'upstream'],
  config: ['gateway', 'pool'],
  tls: ['gateway', 'front'],
  certificates: ['admin'],
  backend: ['admin'],
  sites: ['backend'],
  threads: ['admin'],
  service: ['admin'],
};

/** These files and all that is loaded before any of them runs. */
function loadedBy(...files: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const { specifier, isType, isLater } of specifiers(file))
      if (!isType && !isLater && specifier.startsWith('.')) visit(normalize(join(dirname(file), specifier)));
  };
  for (const file of files) visit(file);
  return reached;
}

interface Import {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const root = new URL('../../', import.meta.url).pathname;
const sources = globSync('src/**/*.ts', { cwd: root });

describe('the import table', () => {
  for (const folder of Object.keys(mayImport)) {
    it(`src/${folder} imports only what it may`, () => {
      const wrong = importsOf(folder).filter((one) => !isAllowed(one));
      assert.deepEqual(
        wrong.map((one) => `${one.file} imports ${one.to}${one.isType ? ' (types)' : ''}`),
        [],
      );
    });
  }

  it('keeps the launcher, which has root, free of all that reads what strangers write', () => {
    const reached = loadedBy(
      ...['launch-run', 'launch-serve', 'run-command', 'serve-command'].map((name) => `src/cli/${name}.ts`),
    );
    assert.ok(reached.has('src/launcher/launcher.ts'));
    const wrong = [...reached].filter((file) => /^src\/(?:front|gateway|fastcgi-server|upstream|cgi)\//.test(file));
    assert.deepEqual(wrong, []);
  });

  it('keeps a launched service free of the schema, which takes long to load: what it is to serve was read by the launcher', () => {
    const names = ['cli/launched-service', 'cli/launched-serving', 'cli/running', 'service/service'];
    const reached = loadedBy(...names.map((name) => `src/${name}.ts`));
    assert.ok(reached.has('src/config/config.ts'));
    const loadsSchema = (file: string): boolean =>
      specifiers(file).some(({ specifier, isType, isLater }) => specifier === 'zod' && !isType && !isLater);
    assert.deepEqual([...reached].filter(loadsSchema), []);
  });

  it('has the main thread load nothing that answers requests: with front threads it answers none', () => {
    const reached = loadedBy('src/service/service.ts', 'src/threads/front-threads.ts');
    const countsOfThreads = ['src/front/client-counts.ts', 'src/gateway/key-counts.ts', 'src/gateway/shared-limits.ts'];
    const wrong = [...reached].filter((file) =>
      /^src\/(?:front|gateway|fastcgi-server|http2|tls|acme|certificates|cgi|upstream)\//.test(file),
    );
    assert.deepEqual(wrong.sort(), countsOfThreads);
  });

  it('has a front thread load TLS, HTTP/2, FastCGI, CGI and servers elsewhere no sooner than a configuration names them', () => {
    const reached = loadedBy('src/threads/front-thread-entry.ts');
    assert.ok(reached.has('src/front/http1-connection.ts'));
    const wrong = [...reached].filter((file) =>
      /^src\/(?:fastcgi-server|http2|tls|cgi|upstream|launcher)\//.test(file),
    );
    assert.deepEqual(wrong, []);
  });

  it('lets no folder import itself by way of others, types included', () => {
    const reach = (folder: string, seen: Set<string>): Set<string> => {
      for (const next of [...mayImport[folder]!, ...(mayImportTypes[folder] ?? [])]) {
        if (!seen.has(next)) reach(next, seen.add(next));
      }
      return seen;
    };
    assert.deepEqual(
      Object.keys(mayImport).filter((folder) => reach(folder, new Set()).has(folder)),
      [],
    );
  });

  it('says the same in ARCHITECTURE.md', () => {
    const page = readFileSync(`${root}ARCHITECTURE.md`, 'utf8');
    const said = [...page.matchAll(/^\| `([a-z0-9-]+)\/` \| .* \| (.+) \|$/gm)].map(([, folder, cell]) => {
      const [values = '', types = ''] = cell!.split(/(?:, )?types of /);
      const names = (text: string): string[] =>
        text.split(/, | and /).filter((name) => !['', 'nothing'].includes(name));
      return [folder, names(values).sort(), names(types).sort()];
    });
    assert.deepEqual(
      said.sort(),
      Object.entries(mayImport)
        .map(([folder, names]) => [folder, [...names].sort(), [...(mayImportTypes[folder] ?? [])].sort()])
        .sort(),
    );
  });

  it('knows every folder of src', () => {
    const folders = new Set(sources.filter((file) => file.split('/').length > 2).map((file) => file.split('/')[1]!));
    assert.deepEqual(
      [...folders].filter((folder) => !(folder in mayImport)),
      [],
    );
  });

  it('keeps src/protocol and src/http2 free of sockets, timers, files and processes', () => {
    const impure = sources
      .filter((file) => /^src\/(?:protocol|http2)\//.test(file))
      .flatMap((file) => specifiers(file).map((found) => ({ file, ...found })))
      .filter(({ specifier, isType }) => !isType && /^node:(net|fs|child_process|timers|http|tls)/.test(specifier));
    assert.deepEqual(impure, []);
  });

  it('asks for node:http by getBuiltinModule: an import loads all that it names, undici too, which is 9 MB in each thread', () => {
    const found = sources.filter((file) =>
      specifiers(file).some(({ specifier, isType }) => !isType && specifier === 'node:http'),
    );
    assert.deepEqual(found, []);
  });
});

describe('the tests', () => {
  it('draw their cases from one seed: fast-check is imported in one place', () => {
    const own = 'test/support/seeded-fast-check.ts';
    const files = globSync(['test/**/*.ts', 'packages/*/test/**/*.ts'], { cwd: root });
    const found = files.filter((file) => specifiers(file).some(({ specifier }) => specifier === 'fast-check'));
    assert.deepEqual(found, [own]);
  });
});

function isAllowed({ from, to, isType }: Import): boolean {
  if (from === to || mayImport[from]?.includes(to)) return true;
  return isType && (mayImportTypes[from]?.includes(to) ?? false);
}

/** Imports of one folder that cross into another folder of src. */
function importsOf(folder: string): Import[] {
  return sources
    .filter((file) => file.startsWith(`src/${folder}/`))
    .flatMap((file) =>
      specifiers(file)
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier, isType }) => ({
          file,
          from: folder,
          to: folderOf(join(dirname(file), specifier)),
          isType,
        })),
    )
    .filter((one) => one.to !== '');
}

/** The folder of src that a path is in; empty for a file in the root of src. */
function folderOf(path: string): string {
  const parts = normalize(path).split('/');
  return parts[0] === 'src' && parts.length > 2 ? parts[1]! : parts[0] === 'src' ? '' : parts.slice(0, -1).join('/');
}

function specifiers(file: string): { specifier: string; isType: boolean; isLater: boolean }[] {
  const text = readFileSync(root + file, 'utf8');
  const found = text.matchAll(
    /^(?:import|export)\s+(type\s+)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...found].map((match) => ({
    specifier: (match[2] ?? match[3] ?? match[4])!,
    isType: match[1] !== undefined,
    isLater: match[4] !== undefined,
  }));
}
