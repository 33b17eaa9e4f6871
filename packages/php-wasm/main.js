// The program's entry: runs the sources (a checkout) or the build (a package).
import { existsSync } from 'node:fs';

const sources = new URL('./src/wasm-program.ts', import.meta.url);
await import(
  existsSync(sources) ? sources.href : new URL('./dist/packages/php-wasm/src/wasm-program.js', import.meta.url).href
);
