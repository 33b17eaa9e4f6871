// The arguments of embedded PHP's program: -d name=value, as php-cgi has it, and -v. Pure.

/** What was asked for. */
export interface CommandLine {
  readonly isVersionWanted: boolean;
  /** Lines for php.ini. */
  readonly settings: readonly string[];
}

/** Reads the arguments; an unknown one is given back as text that says so. */
export function parseCommandLine(args: readonly string[]): CommandLine | string {
  const settings: string[] = [];
  let isVersionWanted = false;
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const value = argument === '-d' ? rest.shift() : undefined;
    if (value !== undefined) settings.push(value);
    else if (argument === '-v') isVersionWanted = true;
    else return `unknown argument "${argument}": there are -d NAME=VALUE and -v`;
  }
  return { isVersionWanted, settings };
}
