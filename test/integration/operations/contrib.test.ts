// What contrib/ has for systemd, as systemd itself reads it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';
import { findProgram } from '../../support/folder.ts';

const unit = new URL('../../../contrib/systemd/postern.service', import.meta.url).pathname;
const skip = findProgram('systemd-analyze') === null ? 'systemd-analyze is not installed' : false;

it('the unit of systemd has no key, value or command that systemd does not know', { skip }, () => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', '']);
});
