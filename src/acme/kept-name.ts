// One name and its certificate, as the store has it; and the one order at a time that gets the next.

import type { Log } from '../log.ts';
import type { Certificate } from '../tls/certificate.ts';
import type { AcmeAccount } from './account.ts';
import type { AcmeConnection, Signer } from './acme-connection.ts';
import { AcmeProblem } from './acme-problem.ts';
import { type Failure, failed, mayRetry, orderAt, renewalAt, withHold, withOrder } from './back-off.ts';
import { type Challenge, Order } from './order.ts';
import { askForAdvice, certificateId, type RenewalAdvice } from './renewal-info.ts';
import type { AcmeStore } from './store.ts';
import type { HeldLock } from './store-lock.ts';

/** An authority that gives no advice is asked again after so long. */
const noAdviceMs = 6 * 3_600_000;

/** What was just obtained is not ordered again before. */
const longestHoldMs = 3_600_000;

/** What the names of one authority have in common. */
export interface NameContext {
  readonly store: AcmeStore;
  readonly connection: AcmeConnection;
  readonly account: AcmeAccount;
  readonly challenges: readonly Challenge[];
  readonly profile: string | null;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Something of a certificate has changed. */
  readonly news: () => void;
}

export class KeptName {
  readonly name: string;
  readonly #context: NameContext;
  #certificate: Certificate | null = null;
  #served: readonly Certificate[] | null = null;
  #look = '';
  #failure: Failure | null = null;
  #heldUntilMs = 0;
  /** What the authority says of when to renew; null: it was not asked yet, for this certificate. */
  #advice: RenewalAdvice | null = null;
  #isRunning = false;
  #isElsewhere = false;

  constructor(name: string, context: NameContext) {
    this.name = name;
    this.#context = context;
  }

  /** The same array as long as it is the same certificate; null: there is none yet. */
  get served(): readonly Certificate[] | null {
    return this.#served;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  /** Until then an order would meet a limit, by our books. */
  get heldUntilMs(): number {
    return this.#heldUntilMs;
  }

  /** Whether another service that shares the store was ordering, when this one wanted to. */
  get isElsewhere(): boolean {
    return this.#isElsewhere;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** When the next order is due, since 1970. */
  get dueAtMs(): number {
    const usualAtMs = this.#certificate === null ? 0 : renewalAt(this.#certificate.facts);
    const wantedAtMs = Math.min(usualAtMs, this.#advice?.atMs ?? Number.POSITIVE_INFINITY);
    return Math.max(wantedAtMs, this.#failure?.nextAtMs ?? 0, this.#heldUntilMs);
  }

  /** Somebody may have mended what made it fail. */
  retry(): void {
    if (this.#failure !== null && mayRetry(this.#failure, Date.now()))
      this.#failure = { ...this.#failure, nextAtMs: Date.now() };
  }

  /** Takes what the store has. Never rejects. */
  async read(): Promise<void> {
    const { store, log } = this.#context;
    try {
      const failure = await store.failure(this.name);
      // One that could not be written down counts all the same, and one that may be tried earlier is still the same.
      if (failure !== null && failure.atMs !== this.#failure?.atMs) this.#failure = failure;
      const look = await store.look(this.name);
      if (look === this.#look) return;
      this.#look = look;
      this.#failure = failure;
      const certificate = await store.certificate(this.name);
      if (certificate !== null) this.#take(certificate);
    } catch (error) {
      log.error({ name: this.name }, `the certificate in the store cannot be used: ${(error as Error).message}`);
    }
  }

  /** Asks the authority when to renew, where it is time to ask. Never rejects. */
  async askForAdvice(): Promise<void> {
    const certificate = this.#certificate;
    if (certificate === null || Date.now() < (this.#advice?.askAgainAtMs ?? 0)) return;
    const none = { atMs: Number.POSITIVE_INFINITY, askAgainAtMs: Date.now() + noAdviceMs };
    try {
      const id = await certificateId(certificate);
      const advice = id === null ? none : await askForAdvice(this.#context.connection, id, Math.random());
      if (this.#certificate === certificate) this.#advice = advice ?? none;
    } catch {
      // Without advice the certificate is renewed when it usually is. What was said before holds.
      this.#advice = { ...none, atMs: this.#advice?.atMs ?? none.atMs };
    }
  }

  /** Orders, unless somebody else does. Never rejects. */
  async renew(): Promise<void> {
    const { store, signal } = this.#context;
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const lock = await store.lock(this.name);
      this.#isElsewhere = lock === null;
      if (lock === null) return;
      try {
        await this.#renewAlone(lock);
      } finally {
        await lock.release();
      }
    } catch (error) {
      if (!signal.aborted) await this.#fail(error as Error);
    } finally {
      this.#isRunning = false;
    }
  }

  /** Nobody else orders for this name now; but somebody may have done just before. */
  async #renewAlone(lock: HeldLock): Promise<void> {
    const { store, log } = this.#context;
    await this.read();
    if (this.dueAtMs > Date.now() || !(await this.#mayOrder())) return;
    this.#isElsewhere = !(await lock.isHeld());
    if (this.#isElsewhere) return;
    log.info({ name: this.name }, 'a certificate is ordered');
    const certificate = await this.#order();
    // What was issued is served, whatever becomes of the store.
    this.#take(certificate);
    await store.keepCertificate(this.name, certificate);
    this.#look = await store.look(this.name);
    // By a clock that is wrong, ours or the authority's, it would be ordered without an end.
    if (renewalAt(certificate.facts) <= Date.now())
      throw new AcmeProblem('what it issued is to be renewed already: is the clock of this machine right?', {
        status: 400,
      });
    this.#failure = null;
    await store.keepFailure(this.name, null);
    // Whatever the authority advises.
    this.#heldUntilMs = Date.now() + Math.min(longestHoldMs, (certificate.facts.notAfter - Date.now()) / 3);
    const until = new Date(certificate.facts.notAfter).toISOString();
    log.info({ name: this.name, until, issuer: certificate.facts.issuer }, 'a certificate was obtained');
  }

  /** Whether the books allow an order; it is written down with the answer. */
  #mayOrder(): Promise<boolean> {
    const { store, account } = this.#context;
    return account.withBooks(async () => {
      const books = await store.books();
      this.#heldUntilMs = orderAt(books, this.name, Date.now());
      if (this.#heldUntilMs > Date.now()) return false;
      await store.keepBooks(withOrder(books, Date.now()));
      return true;
    });
  }

  async #order(): Promise<Certificate> {
    const { account } = this.#context;
    const signer = await account.signer();
    try {
      return await this.#orderOnce(signer);
    } catch (error) {
      if (!(error instanceof AcmeProblem) || error.type !== 'accountDoesNotExist') throw error;
      await account.withBooks(() => account.forget(signer));
      return this.#orderOnce(await account.signer());
    }
  }

  async #orderOnce(signer: Signer): Promise<Certificate> {
    const { connection, store, challenges, profile } = this.#context;
    // What failed one way is tried the other way next.
    const turn = (this.#failure?.count ?? 0) % challenges.length;
    const turned = [...challenges.slice(turn), ...challenges.slice(0, turn)];
    const { renewalInfo } = await connection.directory();
    const replaces = this.#certificate === null || renewalInfo === '' ? null : await certificateId(this.#certificate);
    const wanted = { name: this.name, challenges: turned, profile, replaces };
    return new Order(connection, signer, store.proofs, wanted).run();
  }

  async #fail(error: Error): Promise<void> {
    const { store, account, log } = this.#context;
    const problem = error instanceof AcmeProblem ? error : new AcmeProblem(error.message);
    const failure = failed(this.#failure, problem, Date.now(), Math.random());
    this.#failure = failure;
    const next = new Date(failure.nextAtMs).toISOString();
    log.error({ name: this.name, next }, `no certificate was obtained: ${failure.why}; the next try is at ${next}`);
    try {
      await store.keepFailure(this.name, failure);
      if (problem.type !== 'rateLimited') return;
      await account.withBooks(async () => store.keepBooks(withHold(await store.books(), this.name, failure.nextAtMs)));
    } catch (thrown) {
      log.error({ name: this.name }, `the store cannot be written: ${(thrown as Error).message}`);
    }
  }

  #take(certificate: Certificate): void {
    if (this.#certificate?.facts.fingerprint === certificate.facts.fingerprint) return;
    this.#certificate = certificate;
    this.#advice = null;
    this.#served = [certificate];
    this.#context.news();
  }
}
