// A listening socket that can leave connections in the system's backlog for a while.
//
// Node can only close such a socket, and what waits there goes with it. libuv polls it as it polls what may be read, and `readStop()` of the handle
// ends that, if the handle counts as one that can be read: that is so for a descriptor that was opened. So the handle opens its own descriptor, once,
// between its bind and its listen, when nothing polls it yet. Since libuv 1.46 one connection is taken at a time: no other comes after the stop.

import type { Server } from 'node:net';

/** The part of Node's listening handles that is used here. Calls give 0, or an error's number. */
interface ListenHandle {
  readonly fd: number;
  open(descriptor: number): number;
  readStart(): number;
  readStop(): number;
}

/** Stops and starts to accept. Where a version of Node has no such handle it does nothing. */
export class Accepting {
  #handle: Partial<ListenHandle> | null = null;
  #isPaused = false;

  /** @param server that does not listen yet */
  constructor(server: Server) {
    Object.defineProperty(server, '_handle', {
      configurable: true,
      enumerable: true,
      get: () => this.#handle,
      set: (handle: Partial<ListenHandle> | null) => {
        this.#handle = handle;
        this.#isPaused = false;
        if (handle?.fd !== undefined && handle.fd >= 0) handle.open?.(handle.fd);
      },
    });
  }

  /** Accepts nothing more: who connects waits in the backlog. Repeatable. */
  pause(): void {
    if (this.#isPaused || this.#handle === null) return;
    this.#isPaused = true;
    // Only what counts as reading can be stopped: it does since it was resumed, but not at first.
    this.#handle.readStart?.();
    this.#handle.readStop?.();
  }

  /** Accepts again. Repeatable. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#handle?.readStart?.();
  }
}
