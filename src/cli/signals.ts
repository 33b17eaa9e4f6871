// What each signal asks of a service. One place, so that signals in a storm still mean one thing after the other.
//
//   TERM, QUIT, INT   finish the requests and end; a second one ends at once
//   HUP, USR2         read the configuration again
//   USR1              open the log files again (Node would open its inspector)

/** What signals can ask for. */
export interface SignalActions {
  stop(signal: NodeJS.Signals): void;
  stopNow(signal: NodeJS.Signals): void;
  reload(signal: NodeJS.Signals): Promise<void>;
  reopenLogs(): void;
}

/** Handles the signals of this process until the function it returns is called. */
export function handleSignals(actions: SignalActions): () => void {
  let isStopping = false;
  let isReloading = false;
  let isReloadWanted = false;

  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      actions.stopNow(signal);
      return;
    }
    isStopping = true;
    actions.stop(signal);
  };

  // However many come while one runs, one more follows it: that sees the newest file.
  const reload = (signal: NodeJS.Signals): void => {
    isReloadWanted = true;
    if (isReloading || isStopping) return;
    isReloading = true;
    void (async () => {
      while (isReloadWanted && !isStopping) {
        isReloadWanted = false;
        await actions.reload(signal);
      }
      isReloading = false;
    })();
  };

  const handlers: Partial<Record<NodeJS.Signals, (signal: NodeJS.Signals) => void>> = {
    SIGTERM: stop,
    SIGQUIT: stop,
    SIGINT: stop,
    SIGHUP: reload,
    SIGUSR2: reload,
    SIGUSR1: () => actions.reopenLogs(),
  };
  const entries = Object.entries(handlers) as [NodeJS.Signals, (signal: NodeJS.Signals) => void][];
  for (const [signal, handler] of entries) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of entries) process.off(signal, handler);
  };
}
