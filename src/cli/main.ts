// The `postern` command, as `bin/postern.js` loads it.

import { runCommandLine } from './commands.ts';

process.exitCode = await runCommandLine(process.argv.slice(2));
