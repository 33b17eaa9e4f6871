// Builds what the command and the package run into dist/: `npm run build`, and `npm ci` in a checkout. A module of its own for each of some 400 sources
// takes half of a start: here they are a few files, without types and comments.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkingContext, RolldownOutput } from 'rolldown';
import { built, isBuilt, stateOfSources } from './bin/build-state.js';

const root = new URL('.', import.meta.url).pathname;
const src = join(root, 'src');

/** Read at each start; all other packages are loaded when they are needed, where they are installed. */
const bundled = /^(?:commander|lru-cache|mrmime|zod)(?:\/|$)/;

/**
 * What is loaded as a whole: each of these and what it imports, less what those before it have. So a front thread loads one file, and
 * `postern --version` does not load the service.
 */
const wholes = [
  'cli/main',
  'cli/serve-command',
  'protocol/index',
  'client/index',
  'app/index',
  'threads/front-thread-entry',
  'cli/launched-service',
  'cli/serving',
  'cli/running',
];

/** Of each whole: what it reaches. */
const reached = new Map<string, Set<string>>();

if (!isBuilt(root)) await build();

async function build(): Promise<void> {
  const bundler = await import('rolldown').catch(() => null);
  if (bundler === null) return giveUp();
  const state = stateOfSources(root);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const { output } = await bundler.build({
    input: Object.fromEntries(entries().map((name) => [name, join(src, `${name}.ts`)])),
    platform: 'node',
    external: (id) => /^[@a-z]/.test(id) && !bundled.test(id),
    transform: { target: 'node22.18' },
    // What is meant to be loaded later by one, and is needed at once by another.
    checks: { ineffectiveDynamicImport: false },
    output: {
      dir: join(root, 'dist'),
      entryFileNames: '[name].js',
      chunkFileNames: 'shared/[name]-[hash].js',
      // A stack trace has names, and lines of a readable length.
      minify: false,
      comments: { legal: true, annotation: false, jsdoc: false },
      codeSplitting: {
        groups: wholes.map((whole, index) => ({
          debugName: whole,
          name: (id, modules) => (has(whole, id, modules) ? whole.replace('/', '-') : null),
          priority: wholes.length - index,
        })),
      },
    },
    plugins: [
      {
        name: 'postern',
        // A file finds its neighbours as if it were alone: one folder below dist, by its own name.
        transform(code, id) {
          if (!id.startsWith(`${src}/`) || !code.includes('import.meta.url')) return null;
          const own = id.slice(src.length + 1).replace(/\.ts$/, '.js');
          return code.replaceAll('import.meta.url', `new URL('../${own}', import.meta.url).href`);
        },
      },
    ],
  });
  for (const chunk of output) checkDepth(chunk);
  writeFileSync(join(root, built), state);
}

/** What is run or imported by name: what a thread or process begins with, and the package's exports. */
function entries(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly exports: object };
  const exported = Object.values(exports).flatMap((entry: string | { readonly default: string }) =>
    typeof entry === 'string' ? [] : [/^\.\/dist\/(.*)\.js$/.exec(entry.default)![1]!],
  );
  const begun = readdirSync(src, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    if (!file.endsWith('.ts')) return [];
    const names = readFileSync(join(src, file), 'utf8').matchAll(/[`'](\.[^`'$]*)\$\{extname\(import\.meta\.url\)\}/g);
    return [...names].map(([, name]) => join(file, '..', name!));
  });
  return [...new Set(['cli/main', ...exported, ...begun])];
}

/** Whether a whole has a module: what it begins with stays apart, since what is loaded later would wait for its end. */
function has(whole: string, id: string, modules: ChunkingContext): boolean {
  const begin = join(src, `${whole}.ts`);
  if (modules.getModuleInfo(begin) === null) throw new Error(`there is no ${begin}: it was moved`);
  if (!reached.has(whole)) reached.set(whole, reach(begin, modules, new Set()));
  return id !== begin && reached.get(whole)!.has(id);
}

/** A module and all that it imports, but for what it loads later. */
function reach(id: string, modules: ChunkingContext, found: Set<string>): Set<string> {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of modules.getModuleInfo(id)?.importedIds ?? []) reach(imported, modules, found);
  return found;
}

/** What `transform` writes holds one folder below dist alone. */
function checkDepth(chunk: RolldownOutput['output'][number]): void {
  if (chunk.type === 'chunk' && chunk.fileName.split('/').length !== 2 && chunk.code.includes('import.meta.url'))
    throw new Error(`${chunk.fileName} has code that looks for its neighbours: import it from another entry, too`);
}

/** Without the tools of development, as in a container, the sources are run; a package is not made of them. */
function giveUp(): void {
  process.stdout.write('rolldown is not installed, so nothing is built: the sources are run\n');
  if (process.env.npm_lifecycle_event !== 'prepare') process.exitCode = 1;
}
