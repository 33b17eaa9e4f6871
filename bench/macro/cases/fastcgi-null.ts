// A FastCGI program that does nothing, in C: the gateway alone.

import { loadCase } from '../load-case.ts';

export const fastcgiNull = loadCase({
  name: 'fastcgi-null',
  title: 'a C responder on libfcgi that does nothing, 8 connections on 8 processes',
  stack: { application: 'null' },
  path: '/null',
  targets: [
    { metric: 'requestsPerSecond', of: 'caddy', atLeast: 2 },
    { metric: 'requestsPerSecond', of: 'apache-fpm', atLeast: 2 },
    { metric: 'requestsPerSecond', of: 'apache-fcgid', atLeast: 2 },
    { metric: 'requestsPerSecond', of: 'nginx' },
    // The gateway alone is what the others spend besides the responder: true also where something else takes a part of the machine.
    { metric: 'serverMicros', of: 'caddy', atMost: 0.5 },
    { metric: 'serverMicros', of: 'apache-fpm', atMost: 0.5 },
    { metric: 'serverMicros', of: 'apache-fcgid', atMost: 0.5 },
  ],
});
