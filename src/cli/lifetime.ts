// The life of a service in the foreground: it runs until a signal or the control socket ends it, and says how the end goes.

import type { Service } from '../service/service.ts';
import { handleSignals } from './signals.ts';
import type { Output } from './terminal.ts';

/** What the foreground needs to know. */
export interface Lifetime {
  readonly service: Service;
  /** For lines about stopping; null: nobody looks, the log tells it. */
  readonly output: Output | null;
  readonly reopenLogs: () => void;
  /** Told once, when it begins to stop, how many requests run. @default nobody is */
  readonly onStopping?: (running: number) => void;
}

/** How often the count of running requests is looked at while stopping. */
const countPeriodMs = 100;

/**
 * Runs a service that was made with `whenStopAsked.ask` as its `onStopAsked`, and has been started or is about to be.
 * @returns whether it ended in peace; false: a second signal ended it
 */
export async function live(
  { service, output, reopenLogs, onStopping }: Lifetime,
  whenStopAsked: StopAsked,
): Promise<boolean> {
  let end: (isPeaceful: boolean) => void = () => {};
  const ended = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    onStopping?.(service.running);
    const stopCounting = countDown(service, output);
    service.close().then(
      () => {
        stopCounting();
        end(true);
      },
      () => end(false),
    );
  };
  whenStopAsked.listen(stop);
  // The last net: what runs besides must not end for what nothing foresaw in one timer or callback.
  const survive = (error: unknown): void => service.survive(error);
  process.on('uncaughtException', survive);
  const forget = handleSignals({
    stop,
    stopNow: () => {
      void service.destroy().finally(() => end(false));
    },
    reload: async () => {
      await service.reload();
    },
    reopenLogs,
  });
  const isPeaceful = await ended;
  forget();
  process.off('uncaughtException', survive);
  return isPeaceful;
}

/** Connects the control socket's wish to stop with the foreground, which is made after the service. */
export class StopAsked {
  #listener: (() => void) | null = null;
  #wasAsked = false;

  readonly ask = (): void => {
    this.#wasAsked = true;
    this.#listener?.();
  };

  listen(listener: () => void): void {
    this.#listener = listener;
    if (this.#wasAsked) listener();
  }
}

/** Shows how many requests still run, in one line that is written over on a terminal. @returns what ends it */
function countDown(service: Service, output: Output | null): () => void {
  if (output === null) return () => {};
  let shown = '';
  const show = (): void => {
    const { running } = service;
    const [requests, them] = running === 1 ? ['request runs', 'it'] : ['requests run', 'them'];
    const text = running === 0 ? 'stopping' : `stopping: ${running} ${requests} (Ctrl-C again ends ${them} at once)`;
    if (text === shown) return;
    output.keepLine(output.paint('yellow', text));
    if (!output.isTerminal && shown === '') output.write(`${text}\n`);
    shown = text;
  };
  // After the terminal's own "^C".
  if (output.isTerminal) output.write('\n');
  show();
  const timer = setInterval(show, countPeriodMs);
  return () => {
    clearInterval(timer);
    output.keepLine('');
    output.write(`${output.paint('green', 'stopped')}\n`);
  };
}
