// The pool's end of its talk with one front thread.

import type { FromThread, PoolPort, ToThread } from './lease-messages.ts';

/** Who hears what front threads say. */
export interface PoolListener {
  threadSaid(index: number, message: FromThread): void;
}

/** `open`; `served`: it closes, and nobody waits in it; `ended`: it has left, or has died, and is heard no more. */
type LinkPhase = 'open' | 'served' | 'ended';

const phaseMoves: Readonly<Record<LinkPhase, readonly LinkPhase[]>> = {
  open: ['served', 'ended'],
  served: ['ended'],
  ended: [],
};

export class ThreadLink {
  readonly index: number;
  readonly #port: PoolPort;
  #phase: LinkPhase = 'open';

  constructor(index: number, port: PoolPort, listener: PoolListener) {
    this.index = index;
    this.#port = port;
    port.on('message', (message: FromThread) => {
      if (this.#phase === 'ended') return;
      if (message.type === 'served') this.#move('served');
      listener.threadSaid(index, message);
    });
    port.unref();
  }

  /** Whether nobody waits in it any more. */
  get isServed(): boolean {
    return this.#phase !== 'open';
  }

  send(message: ToThread): void {
    if (this.#phase !== 'ended') this.#port.postMessage(message);
  }

  /** Repeatable. */
  close(): void {
    if (this.#phase === 'ended') return;
    this.#move('ended');
    this.#port.close();
  }

  #move(to: LinkPhase): void {
    if (this.#phase === to) return;
    if (!phaseMoves[this.#phase].includes(to)) throw new Error(`a thread cannot go from ${this.#phase} to ${to}`);
    this.#phase = to;
  }
}
