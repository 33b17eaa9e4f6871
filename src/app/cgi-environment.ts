// The environment that this process was started with, as the bytes it was.

import { readFileSync } from 'node:fs';
import type { Environment } from '../protocol/cgi/exchange.ts';

/**
 * The environment as byte strings. Node decodes it as UTF-8, and what is no UTF-8 (a path in another encoding) is lost in
 * `process.env`; Linux keeps the original.
 */
export function startEnvironment(): Environment {
  try {
    return parse(readFileSync('/proc/self/environ', 'latin1'));
  } catch {
    const environment = Object.create(null) as Environment;
    for (const [name, value] of Object.entries(process.env))
      environment[name] = Buffer.from(value ?? '').toString('latin1');
    return environment;
  }
}

function parse(text: string): Environment {
  const environment = Object.create(null) as Environment;
  for (const line of text.split('\0')) {
    const equals = line.indexOf('=');
    if (equals > 0) environment[line.slice(0, equals)] = line.slice(equals + 1);
  }
  return environment;
}
