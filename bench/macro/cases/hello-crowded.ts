// One line of PHP with eight times more connections than workers: what waiting for a worker costs the unlucky.

import { loadCase } from '../load-case.ts';

export const helloCrowded = loadCase({
  name: 'hello-crowded',
  title: 'one line of PHP, 64 connections on 8 workers',
  stack: { connections: 64 },
  path: '/hello.php',
  headline: 'p99Ms',
  targets: [
    { metric: 'p99Ms', of: 'nginx', atMost: 1 },
    { metric: 'p99Ms', of: 'nginx-keepalive', atMost: 0.2 },
  ],
});
