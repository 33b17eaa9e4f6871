// The launcher: the process that keeps root. It does five things: it binds the configured addresses, starts the configured programs as
// their users, signals and reaps what it has started, opens the configured log and key files, and starts the service, which has no rights.
//
// It has read the configuration itself, and takes nothing that the service says for true. When the service dies, it is started again with
// the same sockets: who connects meanwhile waits. What the launcher had started for it is ended: its requests are lost with the service
// in any case, and nobody knows what state it left them in. When the launcher dies, the system ends the service and the programs.

import { readFileSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { PosternError } from '../errors.ts';
import { SpawnScore } from '../pool/spawn-score.ts';
import { HandedSockets } from './handed-sockets.ts';
import { sentSocket } from './held-sockets.ts';
import type { LaunchConfig, LauncherOptions } from './launch-options.ts';
import { LaunchedPrograms, sentError } from './launched-programs.ts';
import type { LineChannel } from './line-channel.ts';
import { type Hello, type Notice, parseRequest, type Request, tellInPieces } from './requests.ts';
import { channelTo, firstSocketDescriptor, type ServiceProcess, startService } from './service-process.ts';
import { sendSocket } from './socket-courier.ts';

/** `resting`: the service is gone, and will be started again. */
type LauncherState = 'starting' | 'serving' | 'resting' | 'ended';

const moves: Readonly<Record<LauncherState, readonly LauncherState[]>> = {
  starting: ['serving', 'resting', 'ended'],
  serving: ['resting', 'ended'],
  resting: ['starting', 'ended'],
  ended: [],
};

/** As for workers: a start costs 1, a death 2, a second takes off 1; at 10 none is started. */
const scoreLimits = { spawnScore: 1, terminationScore: 2, timeScore: 1, spawnScoreUpLimit: 10 };
const maxFileBytes = 1_048_576;
const clearMs = 2_500;
const refusalPauseMs = 1_000;

export class Launcher {
  readonly #options: LauncherOptions;
  readonly #handed: HandedSockets;
  readonly #programs: LaunchedPrograms;
  readonly #score = new SpawnScore(scoreLimits);
  readonly #ended = Promise.withResolvers<number>();
  /** In force; null: not yet known to the end, and the service has not been told of it. */
  #config: LaunchConfig | null = null;
  #coming: LaunchConfig | null = null;
  #state: LauncherState = 'starting';
  #service: (ServiceProcess & { readonly channel: LineChannel }) | null = null;
  #wasReady = false;
  #isLeaving = false;
  #restarts = 0;
  #resting: NodeJS.Timeout | null = null;
  #sending: Promise<unknown> = Promise.resolve();
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  #refused = 0;

  constructor(options: LauncherOptions) {
    this.#options = options;
    const { spawner, directory, log, start } = options;
    this.#handed = new HandedSockets(`${directory}/hand.sock`);
    this.#programs = new LaunchedPrograms({
      ...{ spawner, directory, log, handed: this.#handed, owner: Number(start.becoming.account.id) },
      tell: (notice) => this.#tell(notice),
    });
  }

  /** Process id of the service; 0 while there is none. */
  get servicePid(): number {
    return this.#service?.child.pid ?? 0;
  }

  /**
   * Has a service serve.
   * @param first which was started already, and loads
   * @param makeConfig gives what it is told, meanwhile
   * @returns its exit status, once it has ended by itself or could not begin
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left
   */
  async run(first: ServiceProcess, makeConfig: () => Promise<LaunchConfig>): Promise<number> {
    try {
      this.#adopt(first);
      await this.#handed.open(Number(this.#options.start.becoming.account.id));
      const config = await makeConfig();
      this.#options.sockets.prepare(config.addresses);
      this.#programs.prepare(config.pools);
      this.#coming = config;
      this.#settle(true);
      this.#greet(config);
      return await this.#ended.promise;
    } finally {
      await this.#clear();
    }
  }

  /** Passes a wish to end on to the service; the service decides how, and a second one ends it at once. */
  stop(signal: NodeJS.Signals): void {
    if (this.#state === 'resting') this.#end(0);
    else this.#service?.child.kill(signal);
  }

  /** The service's own log files are to be opened again. */
  reopenLogs(): void {
    // Before it listens for it, the signal would open Node's inspector.
    if (this.#state === 'serving') this.#service?.child.kill('SIGUSR1');
  }

  /** The configuration is to be read again. */
  reload(): void {
    this.#tell({ tell: 'reload' });
  }

  #move(to: LauncherState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a launcher cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  #adopt(started: ServiceProcess): void {
    const { takeLog } = this.#options;
    this.#isLeaving = false;
    this.#score.started(performance.now());
    const channel = channelTo(started, {
      message: (value) => {
        if (this.#service === service) this.#hear(value);
      },
      broken: (why) => this.#expel(service, why),
      closed: () => {},
    });
    const service = { ...started, channel };
    this.#service = service;
    void service.ended.then(({ how, status }) => {
      if (this.#service === service) this.#gone(how, status);
    });
    const lines = service.child.stdout as Readable | null;
    if (takeLog !== null) lines?.on('data', takeLog);
    lines?.on('error', () => {});
  }

  /** Tells it what to serve. It may have ended already. */
  #greet({ config }: LaunchConfig): void {
    if (this.#service === null) return;
    const { channel, inherited } = this.#service;
    const { directory, extra, start } = this.#options;
    const hello: Hello = {
      config,
      pools: this.#programs.told(),
      sockets: inherited.sockets.map(sentSocket),
      copies: inherited.copies,
      firstDescriptor: firstSocketDescriptor,
      handOver: `${directory}/hand.sock`,
      setpriv: start.becoming.setpriv,
      extra,
      restarts: this.#restarts,
    };
    tellInPieces(channel, { tell: 'hello', hello });
  }

  #tell(notice: Notice): void {
    this.#service?.channel.send(notice);
  }

  #hear(value: unknown): void {
    const request = parseRequest(value);
    // Before it was told what to serve there is nothing to ask for.
    if (request === null || this.#config === null) {
      this.#expel(this.#service!, 'it said what is no request');
      return;
    }
    try {
      this.#carryOut(request);
    } catch (error) {
      this.#refuse(request, error);
    }
  }

  #carryOut(request: Request): void {
    switch (request.do) {
      case 'worker':
        this.#begin(request, this.#programs.startWorker(request));
        return;
      case 'cgi':
        this.#begin(request, this.#programs.startCgi(request));
        return;
      case 'signal':
      case 'met':
      case 'foreign':
      case 'clear': {
        const why = this.#programs[request.do](request as never);
        if (why !== null) this.#noteRefusal(`${request.do}: ${why}`);
        return;
      }
      case 'bind':
        this.#answer(request.ask, this.#bind(request.listen, request.count, request.port));
        return;
      case 'release':
        this.#options.sockets.release(request.listen, request.port);
        return;
      case 'read':
        this.#answer(request.ask, this.#read());
        return;
      case 'settled':
        this.#settle(request.isInForce);
        return;
      case 'file':
        this.#answer(request.ask, Promise.resolve(this.#file(request.path)));
        return;
      case 'ready':
        if (this.#state === 'starting') this.#move('serving');
        this.#wasReady = true;
        this.#score.worked();
        return;
      case 'stopping':
        this.#isLeaving = true;
        return;
    }
  }

  /** A start that fails is told as the end of what was to be started. */
  #begin(request: Extract<Request, { do: 'worker' | 'cgi' }>, begun: Promise<void>): void {
    const service = this.#service;
    begun.catch((error: unknown) => {
      if (this.#service === service) this.#refuse(request, error);
    });
  }

  #answer(ask: number, value: Promise<unknown>): void {
    const service = this.#service;
    value.then(
      (answer) => service && tellInPieces(service.channel, { tell: 'answer', ask, value: answer ?? null }),
      (error: unknown) => {
        const sent = sentError(error);
        if (sent.code === 'INTERNAL') this.#noteRefusal(sent.message);
        service?.channel.send({ tell: 'refused', ask, error: sent } satisfies Notice);
      },
    );
  }

  #refuse(request: Request, thrown: unknown): void {
    const error = sentError(thrown);
    if (error.message.startsWith('the launcher refuses')) this.#noteRefusal(error.message);
    if ('ask' in request) this.#tell({ tell: 'refused', ask: request.ask, error });
    else if ('process' in request) this.#tell({ tell: 'failed', process: request.process, error });
  }

  /** A line a second: whoever asks for what it may not have may ask often. */
  #noteRefusal(why: string): void {
    this.#refused += 1;
    const now = performance.now();
    if (now - this.#refusedAtMs < refusalPauseMs) return;
    this.#refusedAtMs = now;
    const fields = { service: this.servicePid, refused: this.#refused };
    this.#options.log.warn(fields, `the service asked for what the configuration does not allow: ${why}`);
  }

  /** One that does not keep to the words is no service of ours any more: it is ended, and another takes its place. */
  #expel(service: ServiceProcess, why: string): void {
    if (this.#service !== service) return;
    this.#options.log.error({ service: this.servicePid }, `the service is ended, it does not behave: ${why}`);
    this.#isLeaving = false;
    service.child.kill('SIGKILL');
  }

  /** Sockets go to it by a process of its own rights, since Node would read here what it answers. */
  async #bind(listen: string, count: number, port: number | undefined): Promise<unknown> {
    const held = await this.#options.sockets.bind(listen, port);
    const service = this.#service;
    const sent = this.#sending.then(async () => {
      if (service !== null && this.#service === service)
        await sendSocket(held, count, service, this.#options.start.becoming);
    });
    this.#sending = sent.catch(() => {});
    await sent;
    return sentSocket(held);
  }

  async #read(): Promise<unknown> {
    const read = await this.#options.read();
    this.#coming = read;
    this.#options.sockets.prepare(read.addresses);
    return { config: read.config, pools: this.#programs.prepare(read.pools), copies: read.copies };
  }

  #settle(isInForce: boolean): void {
    if (this.#coming === null) return;
    if (isInForce) this.#config = this.#coming;
    this.#coming = null;
    this.#options.sockets.settle(isInForce);
    this.#programs.settle(isInForce);
  }

  /** @throws CONFIG_INVALID, or INTERNAL for what the configuration does not name */
  #file(path: string): string {
    if (![this.#config, this.#coming].some((one) => one?.files.includes(path)))
      throw new PosternError('INTERNAL', `the configuration does not name the file ${JSON.stringify(path)}`);
    // Whoever asks says of which file.
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new PosternError('CONFIG_INVALID', 'there is no such file');
    if (!stat.isFile() || stat.size > maxFileBytes)
      throw new PosternError('CONFIG_INVALID', `it is not a file of at most ${maxFileBytes} bytes: name a PEM file`);
    return readFileSync(path).toString('base64');
  }

  #gone(how: string, status: number): void {
    const { log } = this.#options;
    const pid = this.servicePid;
    this.#service = null;
    this.#handed.clear();
    this.#programs.endAll();
    this.#settle(false);
    if (this.#isLeaving || !this.#wasReady) {
      this.#end(status);
      return;
    }
    const now = performance.now();
    this.#score.ended(this.#state === 'serving' ? 'killed' : 'failed', how, now);
    this.#move('resting');
    this.#restarts += 1;
    const waitMs = Math.max(0, this.#score.allowedAtMs(now) - now);
    const when = waitMs === 0 ? 'at once' : `in ${(waitMs / 1000).toFixed(1)} s`;
    log.error(
      { service: pid },
      `the service has ended (${how}): it is started again ${when}; connections wait meanwhile`,
    );
    this.#resting = setTimeout(() => void this.#startAgain(), waitMs);
  }

  async #startAgain(): Promise<void> {
    this.#resting = null;
    try {
      await this.#options.sockets.bindAll();
    } catch (error) {
      this.#options.log.error({}, (error as Error).message);
    }
    const config = this.#config;
    if (this.#state !== 'resting' || config === null) return;
    this.#move('starting');
    const { sockets, start } = this.#options;
    this.#adopt(startService(start, { sockets: sockets.all, copies: config.copies }));
    this.#greet(config);
  }

  #end(status: number): void {
    if (this.#state === 'ended') return;
    if (this.#resting !== null) clearTimeout(this.#resting);
    this.#move('ended');
    this.#ended.resolve(status);
  }

  /** Nothing is left running. */
  async #clear(): Promise<void> {
    this.#service?.child.kill('SIGKILL');
    this.#options.sockets.close();
    this.#handed.close();
    this.#programs.endAll();
    const untilMs = performance.now() + clearMs;
    while ((this.#service !== null || !this.#programs.isEmpty) && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 20));
    this.#programs.killAll();
    this.#programs.close();
  }
}
