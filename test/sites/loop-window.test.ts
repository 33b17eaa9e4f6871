import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoopWindow } from '../../src/sites/loop-window.ts';
import { until } from '../support/until.ts';

/** The loop does not turn for so long. */
function hang(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

describe('LoopWindow', () => {
  it('tells whoever asks the same, until two turns have passed', async (t) => {
    const window = new LoopWindow();
    t.after(() => window.close());
    // The first look at the loop has been taken.
    await until(() => window.read().delayMaxS >= 0 && window.read().utilization > 0, 'it looks');
    const hasHang = () => window.read().delayMaxS >= 0.8;
    await until(() => {
      hang(1_000);
      return hasHang();
    }, 'it was late');
    const { utilization } = window.read();
    assert.ok(utilization > 0 && utilization <= 1);
    assert.ok(hasHang(), 'another one asks');
    window.turn();
    assert.ok(hasHang(), 'it is told for one whole turn more');
    window.turn();
    assert.ok(!hasHang());
    window.close();
    window.close();
  });
});
