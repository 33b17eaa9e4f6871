// Which settings a PHP knows, asked of the program itself: `-d` takes any name, and says nothing of one that it does not know.

import { runShortly } from '../worker/short-run.ts';
import { type IniValue, iniArguments } from './ini-arguments.ts';

/** What only php.ini's reader knows: they are no settings once PHP runs. */
const loading = ['extension', 'zend_extension'];

/** A site's own code is not run for a look. */
const alone = { auto_prepend_file: '', auto_append_file: '', disable_functions: '' };

const script = '<?php foreach (ini_get_all(null, false) as $name => $value) echo $name, "\\n";';

/**
 * The names of all settings that a php-cgi has with the extensions that `ini` loads; null: it does not say.
 * @param env of the pool: it may name another php.ini
 */
export async function iniNames(
  program: string,
  ini: Readonly<Record<string, IniValue>>,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[] | null> {
  const args = ['-q', ...iniArguments({ ...loadingOf(ini), ...alone })];
  const { error, stdout } = await runShortly([program, ...args], { env, input: script });
  const said = error === null ? stdout : null;
  const names = said?.split('\n').filter((line) => /^[A-Za-z_][\w.-]*$/.test(line)) ?? [];
  return names.includes('memory_limit') ? [...names, ...loading] : null;
}

/** Those of `ini` that the answer depends on. */
export function loadingOf(ini: Readonly<Record<string, IniValue>>): Record<string, IniValue> {
  return Object.fromEntries(Object.entries(ini).filter(([name]) => loading.includes(name)));
}
