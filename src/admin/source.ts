// The contract between the admin pages and the service they show: what it tells at one moment, and what it can be asked to do.

import type { PoolSnapshot } from '../queue/pool-snapshot.ts';

/** One address that is listened on. */
export interface ListenerStatus {
  /** As the configuration writes it, with the port that is really used. */
  readonly address: string;
  /** To open in a browser; null: not by one. */
  readonly url: string | null;
  readonly site: string;
  /** Names that lead to the site there; none: all that no other site has. */
  readonly hosts: readonly string[];
  /** Document root; null: only mounted applications. */
  readonly root: string | null;
}

/** One certificate that is served. */
export interface CertificateStatus {
  readonly site: string;
  /** The first of its names. */
  readonly name: string;
  readonly names: readonly string[];
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** SHA-256, in hex. */
  readonly fingerprint: string;
  /** Where it comes from, in words. */
  readonly from: string;
  /** What is wrong with it, or with getting the next one; null: nothing. */
  readonly trouble: string | null;
}

/** The outcome of the last reload. */
export interface ReloadStatus {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ok: boolean;
  /** What was changed, or why nothing was. */
  readonly message: string;
}

/** Errors that nothing foresaw, and the service survived. */
export interface FaultStatus {
  /** Since the start. */
  readonly count: number;
  readonly last: {
    /** Milliseconds since 1970. */
    readonly at: number;
    readonly where: string;
    /** Its stack is in the log. */
    readonly message: string;
  } | null;
}

/** How the log is written. */
export interface LogStatus {
  /** Lines that were lost since the start. */
  readonly lostLines: number;
  /** Why nothing can be written now ("ENOSPC"); null: it can. */
  readonly trouble: string | null;
}

/** A front thread. */
export interface ThreadStatus {
  /** 1 is the first. */
  readonly thread: number;
  readonly state: 'starting' | 'serving';
  /** Requests that are on their way in it. */
  readonly running: number;
  /** The longest delay of its event loop within the last second, in milliseconds. */
  readonly loopDelayMs: number;
  /** Threads that were lost in this place within the last minute. */
  readonly losses: number;
}

/** A service at one moment. */
export interface ServiceStatus {
  readonly version: string;
  readonly pid: number;
  /** The process that keeps root and takes signals; null: there is none, the service does. */
  readonly launcher: number | null;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly upMs: number;
  readonly state: 'starting' | 'running' | 'stopping' | 'stopped';
  /** Why it should get no traffic now, in words; empty: it is ready. */
  readonly notReady: readonly string[];
  /** The configuration file, absolute; null: there is none. */
  readonly config: string | null;
  readonly lastReload: ReloadStatus | null;
  readonly faults: FaultStatus;
  /** null: it is somebody else's. */
  readonly log: LogStatus | null;
  readonly admin: string | null;
  readonly listeners: readonly ListenerStatus[];
  /** The front threads; empty: the main thread serves alone. */
  readonly threads: readonly ThreadStatus[];
  readonly certificates: readonly CertificateStatus[];
  /** Answers sent since the start, by status: "200" -> 12. */
  readonly answers: Readonly<Record<string, number>>;
  /** How often clients met each limit since the start, by the key that sets it: "maxConnections" -> 3. */
  readonly limited: Readonly<Record<string, number>>;
  readonly pools: readonly PoolSnapshot[];
}

/** One thread of the service, in the last one to two minutes. Times are in seconds. */
export interface ThreadLoad {
  /** 0 is the main thread, 1 the first front thread. */
  readonly thread: number;
  /** The share of time in which its event loop had something to do, 0 to 1. */
  readonly utilization: number;
  /** By how much the event loop was late: the half, the 99th of a hundred, the latest. */
  readonly delayP50S: number;
  readonly delayP99S: number;
  readonly delayMaxS: number;
  /** Connections of clients that are open in it. */
  readonly connections: number;
}

/** The service's own process. */
export interface ProcessLoad {
  readonly cpuS: number;
  readonly memoryBytes: number;
  readonly heapBytes: number;
  /** null: the system does not tell. */
  readonly openDescriptors: number | null;
}

/** A histogram: requests in each bucket, not summed up, and one more for what is above the last bound; all in seconds. */
export interface Buckets {
  readonly boundsS: readonly number[];
  readonly counts: readonly number[];
  readonly sumS: number;
}

/** What metrics have besides the status. */
export interface Measures {
  /** Of requests, by site, method and status; a status of 0 is of more than can be told apart. */
  readonly http: readonly (Buckets & { readonly site: string; readonly method: string; readonly status: number })[];
  /** Of pools by name. */
  readonly pools: ReadonlyMap<string, { readonly wait: Buckets; readonly run: Buckets }>;
  /** Requests that are on their way. */
  readonly active: number;
  readonly threads: readonly ThreadLoad[];
  readonly process: ProcessLoad;
}

/** What tells a service from another one. */
export type ServiceIdentity = Omit<ServiceStatus, 'pools' | 'notReady'>;

/** What the admin pages show. */
export interface AdminSource {
  status(): ServiceStatus;
  /** The same without holding up requests, which have their turn between pools. @param pools "none": what is told of the service itself */
  gatherStatus(pools: 'all' | 'none'): Promise<ServiceStatus>;
  /** Asking is what has some of it measured. */
  measures(): Measures;
}

/** How something that was asked for went, in words. */
export interface Outcome {
  readonly ok: boolean;
  readonly message: string;
}

/** What an operator may ask for on the dashboard. */
export interface AdminOperations {
  /** Replaces the workers of pools, without losing a request. */
  reload(pools: readonly string[]): Promise<Outcome>;
  /** Replaces one process when what it runs is done. */
  recycle(pool: string, pid: number): Outcome;
  /** Has a pool take no new requests, and finish those it has; or take them again. */
  drain(pool: string, isDrained: boolean): Outcome;
  /** Ends a request that runs, and the process that runs it. @param number see LaneSnapshot */
  endRequest(pool: string, number: number): Outcome;
}

/** What the control socket can do besides. */
export interface AdminControls {
  /**
   * Reads the configuration again.
   * @param pools also restart these, changed or not; "*" is all
   */
  reload(pools: readonly string[]): Promise<ReloadStatus>;
  /** Begins to stop; resolves when that has begun. */
  stop(): void;
  /** What a URL gets, as JSON. @throws CONFIG_INVALID when no site listens there */
  explain(url: string): Promise<unknown>;
}
