// The `postern` command, as `bin/postern.js` loads it.

import { runCommandLine } from './command-line.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
