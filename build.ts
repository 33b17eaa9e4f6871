// Builds what the command and the package run into dist/: `npm run build`, and `npm ci` in a checkout. A module of its own for each of some 400 sources
// takes half of a start: here they are a few files, without types and comments.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built, isBuilt, stateOfSources } from './bin/build-state.js';

const root = new URL('.', import.meta.url).pathname;
const src = join(root, 'src');

/** Read at each start; all other packages are loaded when they are needed, where they are installed. */
const bundled = ['commander', 'lru-cache', 'mrmime', 'zod'];

/** Where a file is when it is run: beside others of its folder, though its code is in a file of many. */
const asUrl = (file: string): string => `new URL('../${file.replace(/\.ts$/, '.js')}', import.meta.url).href`;

if (!isBuilt(root)) await build();

async function build(): Promise<void> {
  const esbuild = await import('esbuild').catch(() => null);
  if (esbuild === null) return giveUp();
  const state = stateOfSources(root);
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const { metafile } = await esbuild.build({
    entryPoints: entries().map((name) => ({ in: join(src, `${name}.ts`), out: name })),
    absWorkingDir: root,
    outdir: 'dist',
    chunkNames: 'shared/[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node22.18',
    charset: 'utf8',
    legalComments: 'linked',
    metafile: true,
    // What is CommonJS among the packages asks for parts of Node so.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    plugins: [
      {
        name: 'postern',
        setup({ onLoad, onResolve }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', asUrl(path.slice(src.length + 1))),
            loader: 'ts',
          }));
          // A name that is neither a path nor of Node: a package.
          onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
            bundled.some((name) => path === name || path.startsWith(`${name}/`)) ? undefined : { external: true },
          );
        },
      },
    ],
  });
  for (const [file, { inputs }] of Object.entries(metafile.outputs)) checkDepth(file, Object.keys(inputs));
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

/** `asUrl` holds one folder below dist alone. */
function checkDepth(file: string, inputs: readonly string[]): void {
  if (file.split('/').length === 3) return;
  const lost = inputs.find(
    (input) => input.startsWith('src/') && readFileSync(join(root, input), 'utf8').includes('import.meta.url'),
  );
  if (lost !== undefined)
    throw new Error(`${lost} would not find its neighbours from ${file}: import it from src/cli, too`);
}

/** Without the tools of development, as in a container, the sources are run; a package is not made of them. */
function giveUp(): void {
  process.stdout.write('esbuild is not installed, so nothing is built: the sources are run\n');
  if (process.env.npm_lifecycle_event !== 'prepare') process.exitCode = 1;
}
