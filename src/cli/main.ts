// The `postern` command's entry: what follows is loaded with the compiled code of an earlier start.

import { keepCompiledCode } from './compile-cache.ts';

keepCompiledCode();
const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
