// Settings of php.ini as command-line arguments (`-d name=value`), quoted so that a value is never read as anything else. Pure.

import { PosternError } from '../errors.ts';

/** A value as a configuration gives it. */
export type IniValue = string | number | boolean;

/** "-d", "name='value'", ... for php-cgi. @throws CONFIG_INVALID */
export function iniArguments(settings: Readonly<Record<string, IniValue>>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-d', formatIniSetting(name, value)]);
}

/**
 * One setting, as PHP's parser of php.ini reads it.
 * @throws CONFIG_INVALID
 */
export function formatIniSetting(name: string, value: IniValue): string {
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
    throw new PosternError(
      'CONFIG_INVALID',
      `"${name}" is not the name of a PHP setting: write one such as memory_limit`,
    );
  }
  return `${name}=${quote(name, typeof value === 'boolean' ? String(Number(value)) : String(value))}`;
}

// PHP parses the argument as a line of php.ini: a bare value may hold `;` (comment), `${NAME}`, `(`, `|`, and a newline
// would begin another setting. In single quotes everything stands for itself; there a single quote cannot be written.
function quote(name: string, value: string): string {
  if (/[\0-\x08\n-\x1f\x7f]/.test(value)) {
    throw new PosternError('CONFIG_INVALID', `PHP setting ${name} holds a control character: take it out`);
  }
  // In quotes the names of error levels would be a word and count as 0.
  if (/^E_[A-Z_]+(?:\s*[&|^]\s*~?\s*E_[A-Z_]+)*$/.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  if (/["\\]|\$\{/.test(value)) {
    throw new PosternError(
      'CONFIG_INVALID',
      `PHP setting ${name} holds ' together with ", \\ or \${, which PHP cannot read: set it in a php.ini of its own`,
    );
  }
  return `"${value}"`;
}
