// The manual page, postern(1), in the words of man(7): the commands from the command line itself, the rest from here. Pure.

import type { ArgumentEntry, CommandEntry, CommandTree, OptionEntry } from './command-tree.ts';
import { exit } from './exit-status.ts';

const exitStatuses: readonly (readonly [number, string])[] = [
  [exit.fine, 'Fine.'],
  [exit.failed, 'Failed.'],
  [exit.usage, 'The command line cannot be meant.'],
  [exit.config, 'The configuration is wrong; file, line and what to do are on standard error.'],
];

const signals: readonly (readonly [string, string])[] = [
  [
    'TERM, QUIT, INT',
    'Take nothing new, let the running requests finish, end the workers, and exit with 0. A second one ends at once.',
  ],
  ['HUP, USR2', 'Read the configuration again. No request is lost; a broken file changes nothing.'],
  ['USR1', 'Open the log files again, after they were moved away.'],
];

const variables: readonly (readonly [string, string])[] = [
  ['POSTERN_RUNTIME_DIR', 'The folder where a running service is found, in place of the one below.'],
  ['XDG_RUNTIME_DIR', 'Where that folder is made without root.'],
  ['XDG_CACHE_HOME', 'Where compiled code of an earlier start is kept; ~/.cache.'],
  ['XDG_DATA_HOME', 'Where certificates, and the authority of serve --tls, are kept without root; ~/.local/share.'],
  ['STATE_DIRECTORY', 'Where certificates are kept in place of that, as systemd sets it.'],
  ['NO_COLOR', 'Not empty: no colours.'],
];

const files: readonly (readonly [string, string])[] = [
  ['postern.toml', 'The configuration, where -c does not name another.'],
  ['/var/lib/postern/acme/', 'Certificates that were got by themselves; without root $XDG_DATA_HOME/postern/acme/.'],
  ['~/.local/share/postern/authority/', 'The authority of serve --tls.'],
  ['/run/postern/', 'Control socket and worker sockets; without root $XDG_RUNTIME_DIR/postern/ or /tmp/postern-UID/.'],
];

const examples: readonly (readonly [string, string])[] = [
  ['postern serve ~/blog', 'The folder on http://127.0.0.1:8000, with what it is recognised as.'],
  ['postern check && postern run', 'The service of ./postern.toml, tried out first.'],
  ['postern explain /shop/basket?id=7', 'Which route, script, variables and pool that gets, and why.'],
  [
    'postern request unix:/run/php/fpm.sock /srv/www/index.php -v',
    'One request to a FastCGI server, with its variables and times.',
  ],
];

/** @param version of Postern: the page has no date, so that the same source gives the same page */
export function manualPage({ description, options, commands }: CommandTree, version: string): string {
  return `${[
    `.TH POSTERN 1 "" "Postern ${version}" "User Commands"`,
    '.SH NAME',
    `postern \\- keeps PHP, FastCGI and CGI programs running and puts them on the web`,
    '.SH SYNOPSIS',
    '.nf',
    ...commands.map(synopsis),
    '.fi',
    '.SH DESCRIPTION',
    text(description),
    text(
      'It serves HTTP, finds the script, hands it to a warm worker, watches every worker, and replaces a faulty one.',
    ),
    '.SH OPTIONS',
    ...options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH EXIT STATUS',
    ...exitStatuses.flatMap(([status, meaning]) => tagged(String(status), meaning)),
    '.SH SIGNALS',
    ...signals.flatMap(([name, meaning]) => tagged(name, meaning)),
    '.SH ENVIRONMENT',
    ...variables.flatMap(([name, meaning]) => tagged(name, meaning)),
    '.SH FILES',
    ...files.flatMap(([name, meaning]) => tagged(name, meaning)),
    '.SH EXAMPLES',
    ...examples.flatMap(([line, meaning]) => tagged(line, meaning)),
    '.SH SEE ALSO',
    '.BR php\\-cgi (1)',
    '.PP',
    text('The pages of the folder docs, which begin with docs/getting-started.md.'),
  ].join('\n')}\n`;
}

/** The whole of a line as it stands: minus signs that can be copied, no escapes, no request by a first dot. */
function text(line: string): string {
  return line.replaceAll('\\', '\\e').replaceAll('-', '\\-').replace(/^[.']/, '\\&$&');
}

const bold = (line: string): string => `\\fB${text(line)}\\fR`;
const italic = (line: string): string => `\\fI${text(line)}\\fR`;
const tagged = (name: string, meaning: string): string[] => ['.TP', bold(name), text(meaning)];

function synopsis({ name, arguments: given, options }: CommandEntry): string {
  const some = options.length > 1 ? [`[${italic('option')} ...]`] : [];
  return [bold(`postern ${name}`), ...some, ...given.map(argumentName)].join(' ');
}

const argumentName = ({ value, isRequired }: ArgumentEntry): string =>
  isRequired ? italic(value.name) : `[${italic(value.name)}]`;

function commandLines(command: CommandEntry): string[] {
  const { name, aliases, description, arguments: given, options } = command;
  const others = aliases.length === 0 ? '' : ` Its other name is ${aliases.join(', ')}.`;
  return [
    `.SS ${[bold(`postern ${name}`), ...given.map(argumentName)].join(' ')}`,
    text(`${sentence(description)}${others}`),
    ...given.flatMap(({ value, description: meaning }) => ['.TP', italic(value.name), text(sentence(meaning))]),
    // Each has it, and it is told once.
    ...options.filter(({ long }) => long !== '--help').flatMap(optionLines),
  ];
}

function optionLines({ short, long, value, description, standard }: OptionEntry): string[] {
  const flags = [...(short === null ? [] : [short]), long].map(bold).join(', ');
  const name = value === null ? '' : ` ${italic(value.name)}`;
  const choices = value !== null && value.kind === 'text' && value.words.length > 0 && standard !== null;
  const words = choices ? ` (one of ${value.words.join(', ')})` : '';
  const otherwise = standard === null ? '' : ` (default: ${standard})`;
  return ['.TP', `${flags}${name}`, text(sentence(`${description}${words}${otherwise}`))];
}

const sentence = (line: string): string => `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
