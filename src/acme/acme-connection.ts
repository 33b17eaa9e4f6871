// The way to one authority: its directory, its nonces, and signed requests with their answers (RFC 8555, section 6).

import type { KeyObject } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Agent } from 'undici';
import { version } from '../version.ts';
import { AcmeProblem, parseRetryAfter, problemOf, shown } from './acme-problem.ts';
import { signed } from './jws.ts';

/** Where the authority is. */
export interface AuthorityPlace {
  /** URL of its directory. */
  readonly directory: string;
  /** PEM: the certificates by which its own is checked; null: those that Node knows. */
  readonly ca: Buffer | null;
}

/** What a directory says (section 7.1.1). */
export interface Directory {
  readonly newNonce: string;
  readonly newAccount: string;
  readonly newOrder: string;
  /** RFC 9773; empty: it has none. */
  readonly renewalInfo: string;
  /** Kinds of certificates by name, as it describes them; empty: it has one kind. */
  readonly profiles: readonly string[];
  readonly needsExternalAccount: boolean;
}

/** An answer of the authority. */
export interface AcmeAnswer {
  readonly status: number;
  /** Where what was made is; null: it does not say. */
  readonly location: string | null;
  readonly retryAfterMs: number | null;
  readonly body: Buffer;
  /** The body as JSON; an empty object for what is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** Who signs. */
export interface Signer {
  readonly key: KeyObject;
  /** Address of the account; null: it is not known yet. */
  readonly account: string | null;
}

const connectMs = 15_000;
const answerMs = 60_000;

/** A directory is read again after so long: an authority may move. */
const directoryMs = 6 * 3_600_000;

/** Larger answers are none of an authority. */
const mostBytes = 1_000_000;

/** An authority may refuse any nonce, and gives the next one with it; one that refuses all of them is not asked for ever. */
const mostNonces = 40;

/** Pauses before what found nobody, or an authority in trouble, is tried again at once. */
const pausesMs = [1_000, 4_000];

/** What is sent. */
interface Sending {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly body?: string;
  readonly accept?: string;
}

export class AcmeConnection {
  readonly #place: AuthorityPlace;
  readonly #signal: AbortSignal;
  #agent: Agent | null = null;
  #directory: Promise<Directory> | null = null;
  #readAtMs = 0;
  readonly #nonces: string[] = [];

  /** @param signal ends all that is on its way */
  constructor(place: AuthorityPlace, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  /** @throws AcmeProblem */
  directory(): Promise<Directory> {
    if (this.#directory === null || performance.now() - this.#readAtMs > directoryMs) {
      this.#readAtMs = performance.now();
      this.#directory = this.#readDirectory();
      this.#directory.catch(() => (this.#directory = null));
    }
    return this.#directory;
  }

  /** Gets what anybody may. @throws AcmeProblem */
  async get(url: string): Promise<AcmeAnswer> {
    return checked(await this.#sendPatiently(url, async () => ({ method: 'GET' })));
  }

  /**
   * Sends a signed request.
   * @param payload null: the answer is only asked for
   * @throws AcmeProblem
   */
  async post(url: string, payload: unknown, signer: Signer, accept?: string): Promise<AcmeAnswer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await this.#sendPatiently(url, async () => ({
        method: 'POST',
        body: signed(payload, { url, nonce: await this.#nonce(), account: signer.account }, signer.key),
        ...(accept !== undefined && { accept }),
      }));
      if (answer.status < 400) return answer;
      const problem = problemOf(answer.json, answer.status, answer.retryAfterMs);
      if (problem.type !== 'badNonce' || tries >= mostNonces) throw problem;
    }
  }

  /** Waits, unless all of it ends. */
  async pause(delayMs: number): Promise<void> {
    await wait(delayMs, undefined, { signal: this.#signal });
  }

  /** Closes its connections. Repeatable. */
  async close(): Promise<void> {
    const agent = this.#agent;
    this.#agent = null;
    await agent?.destroy();
  }

  async #readDirectory(): Promise<Directory> {
    const { json } = await this.get(this.#place.directory);
    const urlOf = (name: string): string => {
      const url = json[name];
      if (typeof url === 'string' && URL.canParse(url)) return url;
      throw new AcmeProblem(`${this.#place.directory} is no directory of an authority: it has no ${name}`);
    };
    const meta = (json.meta ?? {}) as { profiles?: object; externalAccountRequired?: unknown };
    return {
      newNonce: urlOf('newNonce'),
      newAccount: urlOf('newAccount'),
      newOrder: urlOf('newOrder'),
      renewalInfo: typeof json.renewalInfo === 'string' ? json.renewalInfo : '',
      profiles: Object.keys(meta.profiles ?? {}),
      needsExternalAccount: meta.externalAccountRequired === true,
    };
  }

  async #nonce(): Promise<string> {
    const kept = this.#nonces.pop();
    if (kept !== undefined) return kept;
    const { newNonce } = await this.directory();
    await this.#sendPatiently(newNonce, async () => ({ method: 'HEAD' }));
    const nonce = this.#nonces.pop();
    if (nonce === undefined) throw new AcmeProblem('it gave no nonce');
    return nonce;
  }

  /** A nonce counts once: each try has another. */
  async #sendPatiently(url: string, make: () => Promise<Sending>): Promise<AcmeAnswer> {
    for (const pauseMs of pausesMs) {
      const sending = await make();
      try {
        const answer = await this.#send(url, sending);
        // One that says when to come again, or that has judged, is taken at its word.
        if (answer.status < 500 || answer.retryAfterMs !== null) return answer;
      } catch (error) {
        if (this.#signal.aborted) throw error;
      }
      await this.pause(pauseMs);
    }
    return this.#send(url, await make());
  }

  async #send(url: string, { method, body, accept }: Sending): Promise<AcmeAnswer> {
    const undici = await import('undici');
    this.#signal.throwIfAborted();
    const { ca } = this.#place;
    this.#agent ??= new undici.Agent({
      connect: { timeout: connectMs, ...(ca !== null && { ca: Buffer.from(ca) }) },
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
      maxResponseSize: mostBytes,
    });
    try {
      const answer = await undici.request(url, {
        method,
        dispatcher: this.#agent,
        signal: this.#signal,
        headers: {
          'user-agent': `postern/${version}`,
          ...(accept !== undefined && { accept }),
          ...(body !== undefined && { 'content-type': 'application/jose+json' }),
        },
        ...(body !== undefined && { body }),
      });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const nonce = one(answer.headers['replay-nonce']);
      if (nonce !== undefined && /^[\w-]{1,500}$/.test(nonce) && this.#nonces.length < 10) this.#nonces.push(nonce);
      return {
        status: answer.statusCode,
        location: one(answer.headers.location) ?? null,
        retryAfterMs: parseRetryAfter(one(answer.headers['retry-after']), Date.now()),
        body: bytes,
        json: jsonOf(bytes),
      };
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new AcmeProblem(`${new URL(url).origin} cannot be reached: ${reasonOf(error)}`);
    }
  }
}

function checked(answer: AcmeAnswer): AcmeAnswer {
  if (answer.status >= 400) throw problemOf(answer.json, answer.status, answer.retryAfterMs);
  return answer;
}

const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

function jsonOf(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function reasonOf(error: unknown): string {
  const { message, code, cause } = error as NodeJS.ErrnoException;
  const why = message === '' || message === undefined ? (code ?? String(cause ?? error)) : message;
  return shown(
    /self.signed|unable to (?:get|verify)|UNABLE_TO|SELF_SIGNED/i.test(`${code} ${why}`)
      ? `its certificate is not trusted (${why}): name its authority with ca in [acme]`
      : why,
  );
}
