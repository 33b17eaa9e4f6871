// Runs a file that exports an application: `node main.ts FILE [arguments of the application]`. What `app = "FILE"` of a pool starts.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AppDefinition, type Application, defineApp } from './application.ts';
import { run } from './run.ts';

const file = process.argv[2];
if (file === undefined) {
  process.stderr.write(
    'Usage: node main FILE [PATH] [options]\nFILE exports an application as its default, or calls run()\n',
  );
  process.exit(2);
}
const path = resolve(file);
// The application sees the command line as if it had been started by itself.
process.argv.splice(1, 2, path);
const loaded = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
// A file that called run() has ended the process by now, but for a thread or `exit: false`.
if (loaded.default !== undefined)
  await run(applicationOf(loaded.default), { entry: new URL(import.meta.url), entryArguments: [path] });

/** What a file exports: what defineApp returned or would take, or anything else that has `fetch`. */
function applicationOf(exported: unknown): Application {
  if (isApplication(exported)) return exported;
  const { fetch } = exported as AppDefinition;
  // A framework's own object may need itself as `this`.
  return defineApp(
    fetch ? { ...(exported as AppDefinition), fetch: fetch.bind(exported) } : (exported as AppDefinition),
  );
}

function isApplication(exported: unknown): exported is Application {
  return Array.isArray((exported as Partial<Application> | null)?.roles);
}
