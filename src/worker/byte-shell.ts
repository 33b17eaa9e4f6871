// Starts a program with bytes in its environment, its path or its folder that are no UTF-8, through sh(1). Pure.
//
// Node gives all text to a new process as UTF-8, so that the byte E9 arrives as three others. A shell can make any byte of ASCII text,
// with its printf, and then turn into the program. That is one more exec and one more fork, so only what needs it goes this way.

import { bytesToText } from '../protocol/text.ts';

/** A start as Node can carry it out. */
export interface TextStart {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What a shell adds to an environment by itself. */
const SHELL_VARIABLES = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * @param path of the program, @param folder to run it in, @param variables: byte strings
 * @returns the start itself where all of it is UTF-8, else that of a shell which turns into the program
 */
export function textStart(path: string, folder: string, variables: Readonly<Record<string, string>>): TextStart {
  const env: Record<string, string> = {};
  /** Words of a shell. Byte strings. */
  const exports: string[] = [];
  for (const [name, value] of Object.entries(variables)) {
    const text = bytesToText(value);
    if (text === null) exports.push(`${name}=${quoted(value)}`);
    else env[name] = text;
  }
  const textPath = bytesToText(path);
  const textFolder = bytesToText(folder);
  if (exports.length === 0 && textPath !== null && textFolder !== null) {
    return { command: [textPath], cwd: textFolder, env };
  }
  const source = [`set -- ${quoted(path)}`, ...(textFolder === null ? [`cd ${quoted(folder)}`] : [])];
  if (exports.length > 0) source.push(`export ${exports.join(' ')}`);
  const added = SHELL_VARIABLES.filter((name) => !Object.hasOwn(variables, name));
  const script = `eval "$(printf '${octal(source.join(' && '))}')" && unset ${added.join(' ')} 2>&- && exec "$1"`;
  return { command: ['/bin/sh', '-c', script], cwd: textFolder ?? '/', env };
}

function quoted(bytes: string): string {
  return `'${bytes.replaceAll("'", "'\\''")}'`;
}

/** A format of printf that prints these bytes; it holds nothing that a shell or printf would take for more. */
function octal(bytes: string): string {
  return bytes.replace(/[^A-Za-z0-9/._,=;:-]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
