import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../src/clock.ts';

it('a timer of more than 24 days waits for them, where setTimeout would run after 1 ms', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const day = 86_400_000;
  let runs = 0;
  systemClock.after(60 * day, () => {
    runs += 1;
  });
  const cancelled = systemClock.after(Number.POSITIVE_INFINITY, () => {
    runs += 100;
  });
  for (let days = 0; days < 59; days += 1) t.mock.timers.tick(day);
  assert.equal(runs, 0);
  // Here a second timer begins only where the tick that ended the first one does.
  for (let days = 0; days < 3; days += 1) t.mock.timers.tick(day);
  assert.equal(runs, 1);
  cancelled.cancel();
  for (let days = 0; days < 60; days += 1) t.mock.timers.tick(day);
  assert.equal(runs, 1);
});
