// Runs a file that exports an application: `node main.ts FILE [arguments of the application]`. What `app = "FILE"` of a pool starts.

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AppDefinition, type Application, defineApp } from './application.ts';
import { run } from './run-application.ts';

const file = process.argv[2];
if (file === undefined) {
  process.stderr.write(
    'Usage: node main FILE [PATH] [options]\nFILE exports an application, as its default or as app, or calls run()\n',
  );
  process.exit(2);
}
const path = resolve(file);
// The application sees the command line as if it had been started by itself.
process.argv.splice(1, 2, path);
const loaded = (await import(pathToFileURL(path).href)) as { readonly default?: unknown; readonly app?: unknown };
const exported = loaded.default ?? loaded.app;
if (exported !== undefined) {
  await run(applicationOf(exported), { entry: new URL(import.meta.url), entryArguments: [path] });
} else {
  // Where the file called run() itself, that ends the process, and this is never reached.
  process.once('beforeExit', () => {
    process.stderr.write(`${path} runs no application: export one as its default, or call run()\n`);
    process.exitCode = 1;
  });
}

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
