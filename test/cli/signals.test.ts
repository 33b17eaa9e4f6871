import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { handleSignals } from '../../src/cli/signals.ts';

/** Notes what is asked; a reload lasts until `finish()`. */
function recorder(t: TestContext) {
  const asked: string[] = [];
  let finish = (): void => {};
  const forget = handleSignals({
    stop: (signal) => void asked.push(`stop ${signal}`),
    stopNow: (signal) => void asked.push(`now ${signal}`),
    reload: (signal) => {
      asked.push(`reload ${signal}`);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    reopenLogs: () => void asked.push('reopen'),
  });
  t.after(forget);
  return { asked, finish: () => finish() };
}

const emit = (signal: NodeJS.Signals): boolean => process.emit(signal, signal);

describe('handleSignals()', () => {
  it('stops gracefully on the first of TERM, QUIT and INT, at once on the second', (t) => {
    const { asked } = recorder(t);
    emit('SIGQUIT');
    emit('SIGTERM');
    assert.deepEqual(asked, ['stop SIGQUIT', 'now SIGTERM']);
  });

  it('makes one more reload of however many are asked for while one runs', async (t) => {
    const { asked, finish } = recorder(t);
    emit('SIGHUP');
    for (let i = 0; i < 50; i += 1) emit('SIGHUP');
    assert.equal(asked.length, 1);
    finish();
    await turn();
    assert.equal(asked.length, 2);
    finish();
    await turn();
    assert.equal(asked.length, 2);
    emit('SIGHUP');
    assert.equal(asked.length, 3);
  });

  it('reloads no more once it stops', async (t) => {
    const { asked, finish } = recorder(t);
    emit('SIGHUP');
    emit('SIGHUP');
    emit('SIGTERM');
    finish();
    await turn();
    emit('SIGHUP');
    assert.deepEqual(asked, ['reload SIGHUP', 'stop SIGTERM']);
  });

  it('opens logs again on USR1, and leaves no handler behind', (t) => {
    const before = process.listenerCount('SIGUSR1');
    const forget = handleSignals({ stop() {}, stopNow() {}, reload: () => Promise.resolve(), reopenLogs() {} });
    assert.equal(process.listenerCount('SIGUSR1'), before + 1);
    forget();
    assert.equal(process.listenerCount('SIGUSR1'), before);
    const { asked } = recorder(t);
    emit('SIGUSR1');
    assert.deepEqual(asked, ['reopen']);
  });
});
