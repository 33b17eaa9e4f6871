import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { formatIniSetting, iniArguments } from '../../src/php/ini-arguments.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';

/** What PHP would put a variable of its environment in for. */
const interpolation = ['$', '{PATH}'].join('');

describe('iniArguments()', () => {
  it('gives PHP each value as it was written, whatever it holds', (t) => {
    const phpCgi = findProgram('php-cgi');
    if (phpCgi === null) return t.skip('php-cgi is not installed');
    const values = {
      'date.timezone': 'Europe/Berlin',
      error_prepend_string: 'a;b|c&d(e)f!g^h~i=j[k]{l}',
      error_append_string: "it's",
      user_agent: `${interpolation} "quoted" \\n $x`,
      sendmail_from: '',
      open_basedir: '/',
      max_input_vars: 1234,
      html_errors: false,
      'arg_separator.output': ' & ',
    };
    const script = join(temporaryFolder(t), 'ini.php');
    const names = Object.keys(values).map((name) => `'${name}'`);
    writeFileSync(script, `<?php foreach ([${names}] as $name) $all[$name] = ini_get($name); echo json_encode($all);`);
    const output = execFileSync(phpCgi, ['-q', ...iniArguments(values), script], { encoding: 'utf8', env: {} });
    assert.deepEqual(JSON.parse(output), { ...values, max_input_vars: '1234', html_errors: '0' });
  });

  it('leaves the names of error levels to PHP to compute with', (t) => {
    const phpCgi = findProgram('php-cgi');
    if (phpCgi === null) return t.skip('php-cgi is not installed');
    const script = join(temporaryFolder(t), 'ini.php');
    writeFileSync(script, "<?php echo ini_get('error_reporting'), ' ', E_ALL & ~E_NOTICE;");
    const settings = iniArguments({ error_reporting: 'E_ALL & ~E_NOTICE' });
    const [set, computed] = execFileSync(phpCgi, ['-q', ...settings, script], { encoding: 'utf8', env: {} }).split(' ');
    assert.equal(set, computed);
  });

  for (const [name, value] of [
    ['memory_limit\nauto_prepend_file', '/etc/passwd'],
    ['memory limit', '1'],
    ['[PATH=/]', '1'],
    ['', '1'],
    ['memory_limit', '1\nauto_prepend_file=/etc/passwd'],
    ['memory_limit', '1\0'],
    ['user_agent', `it's "both"`],
    ['user_agent', `it's ${interpolation}`],
    ['user_agent', "it's \\"],
  ] as const) {
    it(`refuses ${JSON.stringify(name)} = ${JSON.stringify(value)}`, () => {
      assert.throws(() => formatIniSetting(name, value), { code: 'CONFIG_INVALID' });
    });
  }
});
