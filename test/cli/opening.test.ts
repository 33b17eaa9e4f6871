import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plainPaint } from '../../src/admin/formatting.ts';
import { beginOpening } from '../../src/cli/opening.ts';
import type { Output } from '../../src/cli/terminal.ts';
import { until } from '../support/until.ts';

/** A terminal that remembers. */
function recordingOutput(): { out: Output; seen: string[] } {
  const seen: string[] = [];
  const out: Output = {
    write: (text) => void (text !== '' && seen.push(text)),
    writeBytes: () => Promise.resolve(true),
    keepLine: (text) => void seen.push(`kept:${text}`),
    paint: plainPaint,
    isTerminal: true,
    width: 80,
  };
  return { out, seen };
}

describe('beginOpening()', () => {
  it('shows access lines that come before the start message after it', () => {
    const { out, seen } = recordingOutput();
    const opening = beginOpening(out);
    opening.write('early\n');
    opening.end('banner\n');
    opening.write('late\n');
    assert.deepEqual(seen, ['kept:', 'banner\nearly\n', 'late\n']);
  });

  it('says that it starts when that takes long, until it has', async () => {
    const { out, seen } = recordingOutput();
    const opening = beginOpening(out, 1);
    await until(() => seen.length > 0);
    opening.end('banner\n');
    assert.deepEqual(seen, ['kept:starting ...', 'kept:', 'banner\n']);
  });
});
