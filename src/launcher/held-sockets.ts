// The sockets of the configured addresses: bound here, listened on by the service, and open for as long as the launcher lives.

import { lookup } from 'node:dns/promises';
import { chmodSync, chownSync } from 'node:fs';
import net from 'node:net';
import { getSystemErrorMap as systemErrors } from 'node:util';
import { type Address, formatAddress } from '../connection/address.ts';
import { removeDeadSocket } from '../connection/knock.ts';
import { listenError } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { Users } from '../worker/user.ts';
import type { SentSocket } from './requests.ts';

/** An address that the configuration names. */
export interface ConfiguredAddress {
  /** As it is written there: the same text for the same address. */
  readonly listen: string;
  readonly address: Address;
  /** Of a socket file. */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly mode: number;
}

/** A bound socket of Node's, which does not listen. */
interface Handle {
  readonly fd: number;
  getsockname?(out: { port?: number }): number;
  close(): void;
}

/** How Node's cluster binds a socket that others listen on: listening here would accept what is for them. */
const { _createServerHandle: bindHandle } = net as unknown as {
  _createServerHandle(address: string, port: number, type: number, fd?: number, flags?: number): Handle | number;
};

/** One that is open. */
export interface HeldSocket {
  readonly listen: string;
  readonly address: Address;
  readonly descriptor: number;
}

type Held = HeldSocket & { readonly handle: Handle };

export class HeldSockets {
  #configured: readonly ConfiguredAddress[] = [];
  /** Of a configuration that is not in force yet. */
  #coming: readonly ConfiguredAddress[] = [];
  #held: Held[] = [];
  /** One thing at a time: binding takes a while. */
  #turn: Promise<unknown> = Promise.resolve();

  get all(): readonly HeldSocket[] {
    return this.#held;
  }

  /** These may be bound, besides those in force. */
  prepare(addresses: readonly ConfiguredAddress[]): void {
    this.#coming = addresses;
  }

  /** What was prepared is in force, or will not be. */
  settle(isInForce: boolean): void {
    if (isInForce) this.#configured = this.#coming;
    this.#coming = [];
    this.#closeUnwanted();
    for (const one of this.#held) this.#setAccess(one);
  }

  /** Binds all of the configuration in force that is not bound. @throws ADDRESS_IN_USE, CONFIG_INVALID */
  async bindAll(): Promise<void> {
    this.#closeUnwanted();
    for (const { listen } of this.#configured) {
      const wanted = this.#configured.filter((one) => one.listen === listen).length;
      while (this.#heldOn(listen).length < wanted) await this.bind(listen);
    }
  }

  /**
   * A socket for an address of the configuration.
   * @param port of one that is bound already
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; NOT_ALLOWED when the configuration does not name it
   */
  bind(listen: string, port?: number): Promise<HeldSocket> {
    const next = this.#turn.then(() => this.#bind(listen, port));
    this.#turn = next.catch(() => {});
    return next;
  }

  /** Nobody listens there any more: whoever connects is to be refused. */
  release(listen: string, port: number): void {
    const one = this.#heldOn(listen).find(({ address }) => portOf(address) === port);
    if (one !== undefined) this.#close(one);
  }

  close(): void {
    for (const one of [...this.#held]) this.#close(one);
  }

  async #bind(listen: string, port: number | undefined): Promise<HeldSocket> {
    const configured = this.#addressOf(listen);
    if (configured === undefined) {
      throw new PosternError('INTERNAL', `the configuration does not name "${listen}": nothing is bound`);
    }
    const there = this.#heldOn(listen);
    const known = port === undefined ? undefined : there.find(({ address }) => portOf(address) === port);
    if (known !== undefined) return known;
    const count = (list: readonly ConfiguredAddress[]): number => list.filter((one) => one.listen === listen).length;
    if (there.length >= Math.max(count(this.#configured), count(this.#coming))) return there.at(-1)!;
    const held = await bound(configured);
    this.#held.push(held);
    this.#setAccess(held);
    return held;
  }

  #addressOf(listen: string): ConfiguredAddress | undefined {
    return [...this.#coming, ...this.#configured].find((one) => one.listen === listen);
  }

  #heldOn(listen: string): Held[] {
    return this.#held.filter((one) => one.listen === listen);
  }

  #closeUnwanted(): void {
    for (const one of [...this.#held]) if (this.#addressOf(one.listen) === undefined) this.#close(one);
  }

  #close(one: Held): void {
    this.#held = this.#held.filter((other) => other !== one);
    one.handle.close();
  }

  /** Owner and group first: the mode then never lets in whom it is not for. */
  #setAccess({ listen, address }: HeldSocket): void {
    const configured = this.#addressOf(listen);
    if (address.kind !== 'unix' || configured === undefined) return;
    const users = new Users();
    const { owner, group, mode } = configured;
    const account = owner === undefined ? null : users.accountOf(owner);
    const groupId = group === undefined ? account?.group : users.groupNamed(group);
    try {
      chownSync(address.path, Number(account?.id ?? -1), Number(groupId ?? -1));
      chmodSync(address.path, mode);
    } catch (error) {
      const message = `the socket file ${address.path}: ${(error as Error).message}`;
      throw new PosternError('CONFIG_INVALID', message, { cause: error });
    }
  }
}

/** What the service is told of a socket. */
export function sentSocket({ listen, address }: HeldSocket): SentSocket {
  if (address.kind === 'unix') return { listen, host: null, port: 0, path: address.path };
  return { listen, host: address.host, port: address.port, path: null };
}

/** The address of a socket that was sent. */
export function addressOfSent({ host, port, path }: SentSocket): Address {
  return path === null ? { kind: 'tcp', host: host ?? '', port } : { kind: 'unix', path };
}

export function portOf(address: Address): number {
  return address.kind === 'tcp' ? address.port : 0;
}

async function bound({ listen, address }: ConfiguredAddress): Promise<Held> {
  const where = formatAddress(address);
  if (address.kind === 'unix') {
    await removeDeadSocket(address.path);
    return { listen, address, ...opened(bindHandle(address.path, -1, -1), where) };
  }
  const found = await lookup(address.host).catch((error: NodeJS.ErrnoException) => {
    throw listenError(error, where);
  });
  const { handle, descriptor } = opened(bindHandle(found.address, address.port, found.family), where);
  const name: { port?: number } = {};
  // That somebody else has the port is told only when the name is asked for.
  const failure = handle.getsockname?.(name) ?? 0;
  if (failure !== 0) {
    handle.close();
    throw listenError(systemError(failure), where);
  }
  return { listen, address: { ...address, port: name.port ?? address.port }, handle, descriptor };
}

function opened(handle: Handle | number, where: string): { handle: Handle; descriptor: number } {
  if (typeof handle === 'number') throw listenError(systemError(handle), where);
  return { handle, descriptor: handle.fd };
}

function systemError(number: number): NodeJS.ErrnoException {
  const [code, message] = systemErrors().get(number) ?? [`${number}`, `error ${number}`];
  return Object.assign(new Error(message), { code, errno: number });
}
