// What a PHP really has of settings, with php.ini, its folders and the pool's own: asked of the program itself.

import { runShortly } from '../worker/short-run.ts';
import { type IniValue, iniArguments } from './ini-arguments.ts';

/** The settings that somebody looks at, as PHP shows them; "" is off, or not set. */
export interface PhpSettings {
  /** By name; none for a setting that this PHP does not have. */
  readonly values: ReadonlyMap<string, string>;
  /** Folders that PHP is to write to and cannot, by the setting that names them. */
  readonly unwritable: ReadonlyMap<string, string>;
}

/** How it is asked. */
export interface SettingsQuestion {
  /** Its command line up to php-cgi's own arguments: php-cgi, or setpriv and its arguments before it. */
  readonly command: readonly string[];
  readonly ini: Readonly<Record<string, IniValue>>;
  readonly env: NodeJS.ProcessEnv;
}

/** A site's own code is not run for a look. */
const alone = { auto_prepend_file: '', auto_append_file: '', disable_functions: '', open_basedir: '' };

// `getmypid` and its kind may be missing where hosts disable functions, but that was taken back for this run.
const script = `<?php
foreach (ini_get_all(null, false) as $name => $value) echo "value $name ", rawurlencode((string) $value), "\\n";
$folders = array('upload_tmp_dir' => ini_get('upload_tmp_dir'));
if (ini_get('session.save_handler') === 'files') $folders['session.save_path'] = preg_replace('/^.*;/', '', ini_get('session.save_path'));
foreach ($folders as $name => $folder) {
  $folder = $folder ? $folder : sys_get_temp_dir();
  if (!is_writable($folder)) echo "unwritable $name ", rawurlencode($folder), "\\n";
}
echo "end\\n";
`;

/** Asks; null: it does not say. */
export async function phpSettings({ command, ini, env }: SettingsQuestion): Promise<PhpSettings | null> {
  const [program = '', ...before] = command;
  const args = [...before, '-q', ...iniArguments({ ...ini, ...alone })];
  const { error, stdout } = await runShortly([program, ...args], { env, input: script });
  const said = error === null ? stdout : null;
  if (said === null || !/^end$/m.test(said)) return null;
  const of = (word: string): Map<string, string> =>
    new Map(
      [...said.matchAll(/^(\w+) ([\w.-]+) (\S*)$/gm)]
        .filter(([, first]) => first === word)
        .map(([, , name, value]) => [name!, decodeURIComponent(value!)]),
    );
  return { values: of('value'), unwritable: of('unwritable') };
}

/** "128M" as bytes, as PHP reads it; -1 is no limit, null is no number. */
export function iniBytes(text: string): number | null {
  const match = /^\s*(-?\d+)\s*([KMG]?)\s*$/i.exec(text);
  if (match === null) return null;
  const power = { '': 0, k: 1, m: 2, g: 3 }[match[2]!.toLowerCase()] ?? 0;
  return Number(match[1]) * 1_024 ** power;
}

/** Whether a setting is on. */
export const isOn = (value: string | undefined): boolean =>
  value !== undefined && !/^(?:|0|off|no|false|none)$/i.test(value);
