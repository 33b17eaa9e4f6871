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
 * What a start loads, one after another, or a program imports. Modules that the same of these need share a file: so few files are loaded, and no module that
 * nobody asked for.
 */
const starts = [
  'cli/main',
  'cli/serve-command',
  'cli/serve-as-root',
  'cli/run-as-root',
  'cli/launched-service',
  'cli/launched-serving',
  'cli/serving',
  'cli/running',
  'service/service',
  'sites/site-fronts',
  'threads/front-threads',
  'threads/front-thread-entry',
  'app/index',
  'client/index',
  'protocol/index',
];

/** Of each start: the modules that it needs at once. */
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
      // What most of them need comes first: it would be taken along by what imports it.
      codeSplitting: {
        groups: starts.map((_, index) => ({
          debugName: `${index + 1}`,
          priority: index + 1,
          name: (id, modules) => {
            const needing = startsThatNeed(id, modules);
            return needing.length === index + 1 ? needing.join('-') : null;
          },
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

/** Numbers of the starts that need a module; of none, the start itself: what is loaded later would wait for its end. */
function startsThatNeed(id: string, modules: ChunkingContext): number[] {
  return [...starts.keys()].filter((index) => {
    const begin = join(src, `${starts[index]}.ts`);
    if (modules.getModuleInfo(begin) === null) throw new Error(`there is no ${begin}: it was moved`);
    if (!reached.has(begin)) reached.set(begin, reach(begin, modules, new Set()));
    return id !== begin && reached.get(begin)!.has(id);
  });
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
