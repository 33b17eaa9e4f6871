// What completes the command line in bash, zsh and fish: one script for each, made from the commands. Pure.

import type { CommandEntry, CommandTree, OptionEntry, ValueEntry } from './command-tree.ts';

/** The shells that there is a script for. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The script of a shell. */
export function completionScript(shell: Shell, tree: CommandTree): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](tree);
}

/** Quoted for all three shells: none of them reads anything between single quotes. */
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const namesOf = ({ name, aliases }: CommandEntry): string[] => [name, ...aliases];
const flagsOf = ({ short, long }: OptionEntry): string[] => (short === null ? [long] : [short, long]);

function bashScript({ commands, options }: CommandTree): string {
  const first = [...commands.flatMap(namesOf), ...options.flatMap(flagsOf)];
  const values = commands.flatMap((command) =>
    command.options.flatMap((option) => {
      if (option.value === null) return [];
      const when = namesOf(command).flatMap((name) => flagsOf(option).map((flag) => quote(`${name} ${flag}`)));
      return [`    ${when.join('|')}) ${bashOffer(option.value)}; return ;;`];
    }),
  );
  const rest = commands.map((command) => {
    const flags = quote(command.options.flatMap(flagsOf).join(' '));
    const offers = [...new Set(command.arguments.map(({ value }) => bashOffer(value)))].filter(
      (offer) => offer !== ':',
    );
    const other = `if [[ $cur == -* ]]; then _postern_words ${flags}; else ${offers.join('; ') || ':'}; fi`;
    // What takes no argument offers its options at once.
    const offer = command.arguments.length === 0 ? `_postern_words ${flags}` : other;
    return `    ${namesOf(command).join('|')}) ${offer} ;;`;
  });
  return `# Completes postern in bash: source <(postern completion bash)
_postern_words() { mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_postern_files() { compopt -o filenames; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen "$1" -- "$cur"); }
_postern() {
  local cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  # bash makes three words of --name=value.
  if [[ $cur == = ]]; then cur=''
  elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if (( COMP_CWORD == 1 )); then _postern_words ${quote(first.join(' '))}; return; fi
  case "\${COMP_WORDS[1]} $previous" in
${values.join('\n')}
  esac
  case \${COMP_WORDS[1]} in
${rest.join('\n')}
  esac
}
complete -F _postern postern
`;
}

function bashOffer({ kind, words }: ValueEntry): string {
  const files = { file: '_postern_files -f', user: '_postern_files -u', text: null }[kind];
  const offers = [words.length === 0 ? null : `_postern_words ${quote(words.join(' '))}`, files];
  return offers.filter((offer) => offer !== null).join('; ') || ':';
}

function zshScript({ commands, options }: CommandTree): string {
  const list = commands.flatMap((command) =>
    namesOf(command).map((name) => `    ${quote(`${name}:${command.description}`)}`),
  );
  const cases = commands.map((command) => {
    const specs = [
      ...command.options.flatMap(zshOption),
      ...command.arguments.map(({ value, isRequired }, index) =>
        quote(`${index + 1}:${isRequired ? '' : ':'}${value.name}:${zshAction(value)}`),
      ),
    ];
    return `    ${namesOf(command).join('|')}) _arguments ${specs.join(' \\\n      ')} ;;`;
  });
  return `#compdef postern
# Completes postern in zsh: as a file _postern in a folder of $fpath, or source <(postern completion zsh)
_postern_word_or_file() { compadd -- "$@"; _files; }
_postern() {
  local curcontext=$curcontext state line
  local -a commands=(
${list.join('\n')}
  )
  _arguments -C ${options.flatMap(zshOption).join(' ')} '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _postern "$@"; else compdef _postern postern; fi
`;
}

/** In the words of _arguments: brackets of a description and colons are escaped. */
function zshOption(option: OptionEntry): string[] {
  const { value, description, isRepeatable } = option;
  const flags = flagsOf(option);
  const others = isRepeatable ? '*' : `(${flags.join(' ')})`;
  const text = `[${description.replace(/[[\]:\\]/g, '\\$&')}]`;
  return flags.map((flag) => {
    const isLong = flag.startsWith('--');
    if (value === null) return quote(`${others}${flag}${text}`);
    return quote(`${others}${flag}${isLong ? '=' : ''}${text}:${value.name}:${zshAction(value)}`);
  });
}

function zshAction({ kind, words }: ValueEntry): string {
  const files = { file: '_files', user: '_users', text: ' ' }[kind];
  if (words.length === 0) return files;
  if (kind === 'text') return `(${words.join(' ')})`;
  // The space first: _arguments gives the function these words alone.
  return ` _postern_word_or_file ${words.join(' ')}`;
}

function fishScript({ commands, options }: CommandTree): string {
  const lines = commands.flatMap((command) => {
    const names = namesOf(command);
    const when = quote(`__fish_seen_subcommand_from ${names.join(' ')}`);
    return [
      ...names.map(
        (name) => `complete -c postern -n __fish_use_subcommand -a ${name} -d ${quote(fishText(command.description))}`,
      ),
      ...command.options.map((option) => `complete -c postern -n ${when} ${fishOption(option)}`),
      ...command.arguments.map(
        ({ value, description }) =>
          `complete -c postern -n ${when} ${fishOffer(value)} -d ${quote(fishText(description))}`,
      ),
    ];
  });
  return `# Completes postern in fish: postern completion fish > ~/.config/fish/completions/postern.fish
complete -c postern -f
${options.map((option) => `complete -c postern -n __fish_use_subcommand ${fishOption(option)}`).join('\n')}
${lines.join('\n')}
`;
}

/** fish reads \\ and \\' between single quotes. */
const fishText = (text: string): string => text.replaceAll('\\', '\\\\');

function fishOption(option: OptionEntry): string {
  const flags = [option.short === null ? '' : `-s ${option.short.slice(1)} `, `-l ${option.long.slice(2)}`].join('');
  const value = option.value === null ? '' : ` -r ${fishOffer(option.value)}`;
  return `${flags}${value} -d ${quote(fishText(option.description))}`;
}

function fishOffer({ kind, words }: ValueEntry): string {
  const given =
    kind === 'user' ? '-a "(__fish_complete_users)"' : words.length > 0 ? `-a ${quote(words.join(' '))}` : '';
  const files = kind === 'file' ? '-F' : '-f';
  return [files, given].filter((part) => part !== '').join(' ');
}
