// Every kind of pool against the same suite.

import { phpMissing } from '../support/php-service.ts';
import {
  brokenConnectPool,
  brokenManagedPool,
  brokenPhpPool,
  connectPool,
  managedPool,
  modulePool,
  phpPool,
  plainCgiPool,
} from './kinds.ts';
import { poolConformance } from './pool.ts';

const workers = { is: 'workers', why: 'as the configuration calls it' } as const;
const soon = { is: 700, why: 'the program runs already' };

poolConformance('managed workers', managedPool, {
  limit: workers,
  resends: { is: true, why: 'another process may do better, and nothing had come' },
  ending: { is: /process \d+ is killed with SIGKILL/, why: 'the process is ours, and would go on' },
  broken: { is: brokenManagedPool, why: 'its program ended at its start' },
  limitMs: soon,
});

poolConformance('PHP, preforked', phpPool, {
  missing: phpMissing,
  limit: workers,
  resends: { is: true, why: 'its parent forks another process, and nothing had come' },
  ending: { is: /process \d+ is killed with SIGKILL/, why: 'the child is ours, and would go on' },
  broken: { is: brokenPhpPool, why: 'its program ended at its start' },
  limitMs: { is: 3_000, why: 'its parent forks a process after each that ended' },
});

poolConformance('FastCGI servers elsewhere', connectPool, {
  limit: workers,
  resends: { is: true, why: 'the connection was lost, and nothing had come' },
  ending: { is: /the connection is closed/, why: 'the process is somebody else’s' },
  broken: { is: brokenConnectPool, why: 'its server was not there' },
  limitMs: soon,
});

poolConformance('plain CGI', plainCgiPool, {
  limit: workers,
  resends: { is: false, why: 'the process was made for this request, and a new one would do the same' },
  ending: { is: /process \d+ is killed with SIGTERM/, why: 'the process ends with its request anyway' },
  broken: { is: null, why: 'nothing is kept that could be missing: a file that is not there is an answer of its own' },
  limitMs: { is: 3_000, why: 'each answer starts a program' },
});

poolConformance('an application inside of this process', modulePool, {
  limit: { is: 'maxRequests', why: 'there are no workers' },
  resends: { is: false, why: 'a handler that throws has begun, and answers 500 itself' },
  ending: { is: /the handler is told to stop/, why: 'there is no process but our own' },
  broken: { is: null, why: 'embed() fails when a module does, and then there is no pool' },
  limitMs: soon,
});
