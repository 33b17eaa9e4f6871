// The service's side of the launcher: asks it for sockets, programs, files and the configuration, and hears what became of them.

import { Socket } from 'node:net';
import { MessageChannel } from 'node:worker_threads';
import type { Address } from '../connection/address.ts';
import { formatAddress } from '../connection/address.ts';
import type { Binder, BoundSocket } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { joined, type Piece } from '../protocol/pieces.ts';
import type { Program } from '../worker/program.ts';
import type { CgiStart, Starter } from '../worker/starter.ts';
import { addressOfSent, portOf } from './held-sockets.ts';
import { Relay, type RelayEnd, tellProcess } from './launch-relay.ts';
import { type HandedOver, handedOver, LaunchedProcess, receivedError, startCgiBy } from './launched-process.ts';
import { LineChannel } from './line-channel.ts';
import type { Ahead, Hello, LaunchedPool, Notice, Request, SentSocket } from './requests.ts';
import { channelDescriptor } from './service-process.ts';

/** What a configuration that was read again comes as. */
export interface ReadAgain {
  readonly config: unknown;
  readonly pools: Readonly<Record<string, LaunchedPool>>;
}

/** What the launcher says is believed, whatever its length. */
const limits = { lineBytes: Number.POSITIVE_INFINITY, perSecond: 0, waitingBytes: Number.POSITIVE_INFINITY };
const helloMs = 30_000;
const handleMs = 10_000;
const arrivalLookMs = 500;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** What the launcher wishes of the service. */
export interface LauncherWishes {
  reload(): void;
  /** It is gone: nothing can be started any more. */
  lost(): void;
}

export class LauncherClient implements Binder, Starter {
  readonly #channel: LineChannel;
  readonly #wishes: LauncherWishes;
  readonly #ahead = Promise.withResolvers<Ahead>();
  readonly #hello = Promise.withResolvers<Hello>();
  readonly #asked = new Map<number, Waiting>();
  /** Of what comes next. */
  readonly #pieces: Piece[] = [];
  readonly #processes = new Map<number, LaunchedProcess>();
  /** Sockets that are there and not listened on, in the order of the configuration. */
  #free: BoundSocketOf[] = [];
  /** Handles that came, by what they are. They are kept: closing one would close a number that somebody listens on. */
  readonly #handles: { readonly note: string; readonly handle: { readonly fd: number }; isTaken: boolean }[] = [];
  #arrivals: (() => void)[] = [];
  readonly #relays = new Set<Relay>();
  #handOver = '';
  #count = 0;

  constructor(wishes: LauncherWishes) {
    this.#wishes = wishes;
    const socket = new Socket({ fd: channelDescriptor, readable: true, writable: true });
    this.#channel = new LineChannel(socket, limits, {
      message: (value) => this.#hear(value as Notice),
      broken: () => wishes.lost(),
      closed: () => wishes.lost(),
    });
    process.on('message', (message, handle) => {
      const { note } = message as { note: string };
      if (handle === undefined) return;
      this.#handles.push({ note, handle: handle as unknown as { fd: number }, isTaken: false });
      for (const arrived of this.#arrivals.splice(0)) arrived();
    });
    process.channel?.unref();
  }

  /** What may be looked for at once. */
  ahead(): Promise<Ahead> {
    return this.#ahead.promise;
  }

  /** What the service begins with. @throws LAUNCH_FAILED when it does not come */
  async begin(): Promise<Hello> {
    const timer = setTimeout(
      () => this.#hello.reject(new PosternError('LAUNCH_FAILED', 'the launcher says nothing')),
      helloMs,
    );
    const hello = await this.#hello.promise;
    clearTimeout(timer);
    const { sockets, copies, firstDescriptor } = hello;
    this.#handOver = hello.handOver;
    this.#free = sockets.flatMap((sent, index) =>
      Array.from({ length: copies }, (_, copy) => boundOf(sent, firstDescriptor + index * copies + copy)),
    );
    return hello;
  }

  /** See Binder. */
  async bind(listen: string, count: number): Promise<readonly BoundSocket[]> {
    const first = this.#free.find((one) => one.listen === listen);
    const there = this.#free
      .filter((one) => one.listen === listen && isSame(one.address, first!.address))
      .slice(0, count);
    this.#free = this.#free.filter((one) => !there.includes(one));
    if (there.length === count) return there;
    const port = first === undefined ? {} : { port: portOf(first.address) };
    const missing = count - there.length;
    const sent = (await this.#ask((ask) => ({ do: 'bind', ask, listen, count: missing, ...port }))) as SentSocket;
    const note = JSON.stringify([sent.listen, sent.port]);
    return [...there, ...(await this.#arrived(note, missing)).map((fd) => boundOf(sent, fd))];
  }

  /** See Binder. */
  release(listen: string, address: Address): void {
    this.#say({ do: 'release', listen, port: portOf(address) });
  }

  /** See Starter. The program has a key: the launcher knows the rest of it. */
  startWorker(program: Program): LaunchedProcess {
    const { name: pool, launchKey: key = '' } = program;
    const id = this.#newId();
    const [stdout, stderr] = handedOver(2, String(id), this.#handOver) as [HandedOver, HandedOver];
    const started = new LaunchedProcess(id, this.#say, null, stdout.socket, stderr.socket);
    this.#processes.set(id, started);
    this.#say({ do: 'worker', process: id, pool, key, out: stdout.token, err: stderr.token });
    return started;
  }

  /** See Starter. */
  startCgi(start: CgiStart): LaunchedProcess {
    const id = this.#newId();
    const started = startCgiBy(this.#say, id, String(id), this.#handOver, start);
    this.#processes.set(id, started);
    return started;
  }

  /** A way for a thread to have CGI programs started. */
  relay(): RelayEnd {
    const { port1, port2 } = new MessageChannel();
    this.#relays.add(
      new Relay(
        port1,
        this.#say,
        () => this.#newId(),
        (lost) => this.#relays.delete(lost),
      ),
    );
    return { port: port2, handOver: this.#handOver, prefix: `r${this.#newId()}` };
  }

  /** The configuration as the launcher reads it now. @throws CONFIG_INVALID */
  async readAgain(): Promise<ReadAgain> {
    return (await this.#ask((ask) => ({ do: 'read', ask }))) as ReadAgain;
  }

  /** What was read is in force now, or will not be. */
  settled(isInForce: boolean): void {
    this.#say({ do: 'settled', isInForce });
  }

  /** The content of a file that the configuration names. @throws CONFIG_INVALID */
  async readFile(path: string): Promise<Buffer> {
    return Buffer.from((await this.#ask((ask) => ({ do: 'file', ask, path }))) as string, 'base64');
  }

  /** It serves. */
  ready(): void {
    this.#say({ do: 'ready' });
  }

  /** It ends of its own accord, and is not to be started again. */
  stopping(): void {
    this.#say({ do: 'stopping' });
  }

  readonly #say = (request: Request): void => this.#channel.send(request);

  #newId(): number {
    this.#count += 1;
    return this.#count;
  }

  #ask(request: (ask: number) => Request): Promise<unknown> {
    const id = this.#newId();
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#say(request(id));
    });
  }

  #hear(notice: Notice): void {
    switch (notice.tell) {
      case 'ahead':
        this.#ahead.resolve(notice);
        return;
      case 'piece':
        this.#pieces.push(notice.piece);
        return;
      case 'hello':
        this.#hello.resolve(this.#whole(notice).hello);
        return;
      case 'answer':
        this.#taken(this.#asked, notice.ask)?.resolve(this.#whole(notice).value);
        return;
      case 'refused':
        this.#taken(this.#asked, notice.ask)?.reject(receivedError(notice.error));
        return;
      case 'spawned':
      case 'failed':
      case 'exited':
        if (![...this.#relays].some((relay) => relay.tell(notice))) tellProcess(this.#processes, notice);
        return;
      case 'gone':
        for (const relay of this.#relays) relay.forget(notice.process);
        return;
      case 'reload':
        this.#wishes.reload();
        return;
    }
  }

  #whole<Large extends Notice>(rest: Large): Large {
    return joined({ rest, pieces: this.#pieces.splice(0) }) as Large;
  }

  #taken<Value>(map: Map<number, Value>, id: number): Value | undefined {
    const value = map.get(id);
    map.delete(id);
    return value;
  }

  /** The courier brings handles on a way of their own. */
  async #arrived(note: string, count: number): Promise<number[]> {
    const untilMs = performance.now() + handleMs;
    for (;;) {
      const there = this.#handles.filter((one) => one.note === note && !one.isTaken).slice(0, count);
      if (there.length === count) {
        for (const one of there) one.isTaken = true;
        return there.map(({ handle }) => handle.fd);
      }
      if (performance.now() > untilMs)
        throw new PosternError('LAUNCH_FAILED', 'a socket did not come from the launcher');
      await new Promise<void>((resolve) => {
        this.#arrivals.push(resolve);
        setTimeout(resolve, arrivalLookMs).unref();
      });
    }
  }
}

type BoundSocketOf = BoundSocket & { readonly listen: string };

function boundOf(sent: SentSocket, fd: number): BoundSocketOf {
  return { listen: sent.listen, address: addressOfSent(sent), fd };
}

function isSame(one: Address, other: Address): boolean {
  return formatAddress(one) === formatAddress(other);
}
