// Builds the dashboard's files into assets/dashboard: `npm run dashboard`. With --check nothing is written, and exit status 1 says that what is
// there is not what the sources make.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild-wasm';

const root = new URL('../../', import.meta.url);
const target = new URL('assets/dashboard/', root);

const { outputFiles, metafile } = await build({
  entryPoints: ['main.tsx', 'dashboard.css'].map((name) => new URL(`src/${name}`, import.meta.url).pathname),
  absWorkingDir: root.pathname,
  outdir: '.',
  entryNames: 'dashboard',
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  format: 'esm',
  // Browsers of the last three years or so.
  target: ['chrome117', 'firefox119', 'safari17.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  charset: 'utf8',
  banner: { js: '/* Postern dashboard. With preact (MIT, Jason Miller) and uPlot (MIT, Leon Sorokin). */' },
});

const files = outputFiles.map(({ path, contents }) => ({
  file: new URL(path.slice(path.lastIndexOf('/') + 1), target),
  contents: Buffer.from(contents),
}));
// What they were made of: that can be looked at quicker than all is built again.
const sources = Object.fromEntries(
  Object.keys(metafile.inputs)
    .sort()
    .map((path) => [
      path,
      createHash('sha256')
        .update(readFileSync(new URL(path, root)))
        .digest('hex'),
    ]),
);
files.push({
  file: new URL('sources.json', target),
  contents: Buffer.from(`${JSON.stringify(sources, null, 2)}\n`),
});

const isCheck = process.argv.includes('--check');
for (const { file, contents } of files) {
  if (!isCheck) writeFileSync(file, contents);
  else if (!readFileSync(file).equals(contents)) {
    process.stderr.write(`${file.pathname} is not what its sources make: npm run dashboard\n`);
    process.exitCode = 1;
  }
}
const zipped = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
process.stdout.write(`dashboard: ${outputFiles.length} files, ${zipped} bytes compressed\n`);
