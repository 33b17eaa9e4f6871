// Where a service listens whose sockets somebody else binds: each thread is given a descriptor of its own of each socket.

import type { ConfigValues } from '../config/config-schema.ts';
import { formatListenAddress } from '../config/listen-address.ts';
import { plannedListeners } from '../config/listener-rules.ts';
import type { Address } from '../connection/address.ts';
import type { Binder, BoundSocket } from '../connection/listen.ts';
import type { ListeningPlace } from './listeners.ts';

/** An address that was bound. */
interface Bound {
  readonly listen: string;
  readonly address: Address;
}

/** Places for another configuration: exactly one of the two is called. */
export interface PlacesChange {
  /** By thread, in the order of the configuration; 0 for what is listened on already. */
  readonly byThread: readonly (readonly ListeningPlace[])[];
  /** The port of each address; 0 for a socket file. */
  readonly ports: readonly number[];
  /** What is not wanted any more is let go. */
  settle(): void;
  undo(): void;
}

export class BoundPlaces {
  readonly #binder: Binder;
  readonly #threads: number;
  #inForce: readonly Bound[] = [];

  constructor(binder: Binder, threads: number) {
    this.#binder = binder;
    this.#threads = threads;
  }

  /** Has the addresses bound that are new. @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left of it */
  async open(sites: ConfigValues['site']): Promise<PlacesChange> {
    const left = [...this.#inForce];
    const after: Bound[] = [];
    const opened: Bound[] = [];
    const sockets: (readonly BoundSocket[] | null)[] = [];
    const undo = (): void => this.#release(opened);
    try {
      for (const { address: listen } of plannedListeners(sites)) {
        const text = formatListenAddress(listen);
        const known = left.findIndex((one) => one.listen === text);
        if (known >= 0) {
          after.push(left.splice(known, 1)[0]!);
          sockets.push(null);
          continue;
        }
        const bound = await this.#binder.bind(text, this.#threads);
        const one = { listen: text, address: bound[0]!.address };
        opened.push(one);
        after.push(one);
        sockets.push(bound);
      }
    } catch (error) {
      undo();
      throw error;
    }
    return {
      byThread: Array.from({ length: this.#threads }, (_, thread) => sockets.map((bound) => bound?.[thread] ?? 0)),
      ports: after.map(({ address }) => (address.kind === 'tcp' ? address.port : 0)),
      settle: () => {
        this.#inForce = after;
        this.#release(left);
      },
      undo,
    };
  }

  /** For a thread that takes the place of another: the descriptors of that one went with it. */
  async again(): Promise<readonly ListeningPlace[]> {
    const places: ListeningPlace[] = [];
    for (const { listen, address } of this.#inForce) places.push((await this.#binder.bind(listen, 1, address))[0]!);
    return places;
  }

  /** Nobody listens any more: whoever connects is refused. Repeatable. */
  close(): void {
    this.#release(this.#inForce);
    this.#inForce = [];
  }

  #release(places: readonly Bound[]): void {
    for (const { listen, address } of places) this.#binder.release(listen, address);
  }
}
