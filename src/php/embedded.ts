// Embedded PHP, from the optional package @postern/php-wasm: it is located at run time and run as a process of its own, never
// imported, so that this package stands without it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PosternError } from '../errors.ts';
import type { Php } from './find.ts';
import { parsePhpVersion } from './versions.ts';

const packageName = '@postern/php-wasm';

/** What `serve` says when embedded PHP was taken. */
export const embeddedNotice =
  'embedded PHP is meant for trying and development: for more, install php-cgi (Debian: apt install php-cgi; macOS: brew install php)';

/**
 * Locates embedded PHP.
 * @throws CONFIG_INVALID when the package is not installed, with what to install
 */
export function findEmbeddedPhp(reason: string, warnings: readonly string[]): Php {
  const main = locate(packageName);
  const manifest = locate(`${packageName}/package.json`);
  if (main === null || manifest === null) {
    const passedOver = warnings.map((warning) => ` (${warning})`).join('');
    throw new PosternError(
      'CONFIG_INVALID',
      `${reason}, and embedded PHP is not installed${passedOver}: install php-cgi (Debian: apt install php-cgi; macOS: brew install php), or run npm install ${packageName}`,
    );
  }
  const version = parsePhpVersion(String(JSON.parse(readFileSync(manifest, 'utf8')).phpVersion));
  if (!version)
    throw new PosternError('CONFIG_INVALID', `${manifest} names no PHP version: install ${packageName} again`);
  return { kind: 'embedded', path: main, version, reason, warnings };
}

function locate(specifier: string): string | null {
  try {
    return fileURLToPath(import.meta.resolve(specifier));
  } catch {
    return null;
  }
}
