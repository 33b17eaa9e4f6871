// The `postern` command's entry: compiled code of an earlier start is used again, which halves the time to the first answer.

import { enableCompileCache } from 'node:module';

enableCompileCache();
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
