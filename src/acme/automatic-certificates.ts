// The certificates that an authority issues by itself: which names are wanted, when each is due, and a few orders at a time.

import type { Log } from '../log.ts';
import type { Certificate } from '../tls/certificate.ts';
import { makeCertificate } from '../tls/certificate-maker.ts';
import type { CertificateSource, SourceStatus } from '../tls/certificate-source.ts';
import { timeTrouble } from '../tls/certificate-source.ts';
import type { ServedCertificates } from '../tls/tls-material.ts';
import { type AccountOwner, AcmeAccount } from './account.ts';
import { AcmeConnection, type AuthorityPlace } from './acme-connection.ts';
import { KeptName, type NameContext } from './kept-name.ts';
import type { Challenge } from './order.ts';
import { AcmeStore } from './store.ts';

/** How certificates are got. */
export interface AcmeSettings extends AuthorityPlace, AccountOwner {
  /** Absolute path of the folder where all of it is kept. */
  readonly store: string;
  /** The ways in which the listeners can answer, the best first. */
  readonly challenges: readonly Challenge[];
  /** null: the usual kind of certificate. */
  readonly profile: string | null;
}

/** Orders at a time: authorities count those that are open. */
const mostRunning = 4;

/** How long the stand-in for a first certificate is valid. */
const standInMs = 365 * 86_400_000;

export class AutomaticCertificates {
  readonly #store: AcmeStore;
  readonly #connection: AcmeConnection;
  readonly #context: NameContext;
  readonly #ending = new AbortController();
  readonly #names = new Map<string, KeptName>();
  readonly #running = new Set<Promise<void>>();
  /** Since it was last looked around: one whose order somebody else has is not asked again and again. */
  readonly #tried = new Set<KeptName>();
  #inForce: readonly KeptName[] = [];
  #look = '';
  #asking: Promise<void> | null = null;

  /** @param news is told when there is another certificate */
  constructor(settings: AcmeSettings, log: Log, news: () => void) {
    const { signal } = this.#ending;
    this.#store = new AcmeStore(settings.store, settings.directory);
    this.#connection = new AcmeConnection(settings, signal);
    const account = new AcmeAccount(this.#connection, this.#store, settings);
    const { challenges, profile } = settings;
    this.#context = {
      store: this.#store,
      connection: this.#connection,
      account,
      challenges,
      profile,
      signal,
      log,
      news,
    };
  }

  /** Where whoever listens looks for what an authority wants to see. */
  get proofFolder(): string {
    return this.#store.proofs.path;
  }

  /** @throws CONFIG_INVALID where the store is not to be used */
  open(): Promise<void> {
    return this.#store.open();
  }

  /** The source of one site's certificates; they are read, and nothing is ordered yet. */
  async source(names: readonly string[]): Promise<CertificateSource> {
    const kept = await Promise.all(
      names.map(async (name) => {
        const known = this.#names.get(name) ?? new KeptName(name, this.#context);
        this.#names.set(name, known);
        await known.read();
        return known;
      }),
    );
    const missing = kept.filter(({ served }) => served === null).map(({ name }) => name);
    const standIn =
      missing.length === 0
        ? null
        : await makeCertificate({ names: missing, title: 'no certificate yet', lifetimeMs: standInMs });
    return new AutomaticSource(kept, standIn);
  }

  /**
   * From now on certificates are ordered and renewed, for these names and no others.
   * @param isAsked somebody may have mended what made names fail
   */
  use(names: Iterable<string>, isAsked = false): void {
    this.#inForce = [...new Set(names)].map((name) => this.#names.get(name)!);
    for (const name of [...this.#names.keys()])
      if (!this.#inForce.includes(this.#names.get(name)!)) this.#names.delete(name);
    this.#tried.clear();
    if (isAsked) for (const one of this.#inForce) one.retry();
    this.#order();
  }

  /** Takes what others have put into the store, and orders what is due. Never rejects. */
  async refresh(): Promise<void> {
    const look = await this.#store.lookAll();
    if (look !== this.#look) {
      this.#look = look;
      await Promise.all(this.#inForce.filter(({ isRunning }) => !isRunning).map((one) => one.read()));
    }
    this.#tried.clear();
    this.#order();
    this.#asking ??= this.#askForAdvice().finally(() => (this.#asking = null));
  }

  /** Ends what is on its way. Repeatable. */
  async close(): Promise<void> {
    this.#inForce = [];
    this.#ending.abort();
    await Promise.all([...this.#running, this.#asking]);
    await this.#connection.close();
  }

  /** One after the other: there may be hundreds. */
  async #askForAdvice(): Promise<void> {
    for (const one of this.#inForce) {
      if (this.#ending.signal.aborted) return;
      await one.askForAdvice();
    }
  }

  /** Those that have none go first, then those that expire first. */
  #order(): void {
    const now = Date.now();
    const due = this.#inForce.filter((one) => !this.#tried.has(one) && !one.isRunning && one.dueAtMs <= now);
    due.sort((one, other) => one.dueAtMs - other.dueAtMs);
    for (const one of due.slice(0, Math.max(0, mostRunning - this.#running.size))) {
      this.#tried.add(one);
      const run = one.renew().finally(() => {
        this.#running.delete(run);
        this.#order();
      });
      this.#running.add(run);
    }
  }
}

/** The certificates of one site: one for each of its names, so that a name that is refused harms no other. */
class AutomaticSource implements CertificateSource {
  readonly #names: readonly KeptName[];
  readonly #standIn: readonly Certificate[];
  #served: ServedCertificates;

  constructor(names: readonly KeptName[], standIn: Certificate | null) {
    this.#names = names;
    this.#standIn = standIn === null ? [] : [standIn];
    this.#served = this.#collect();
  }

  get served(): ServedCertificates {
    const isSame = this.#names.every((one) => this.#served.byName.get(one.name) === this.#shownFor(one));
    if (!isSame) this.#served = this.#collect();
    return this.#served;
  }

  status(): SourceStatus[] {
    return this.#names.map((one) => {
      const { name, served, failure } = one;
      const [certificate] = served ?? this.#standIn;
      const { facts } = certificate!;
      const next = failure === null ? '' : new Date(failure.nextAtMs).toISOString();
      const why = failure === null ? null : `no certificate was obtained: ${failure.why}; the next try is at ${next}`;
      if (served !== null) return { ...facts, from: 'ACME', trouble: why ?? timeTrouble(facts, Date.now()) };
      const from = 'self-signed until the first one is issued';
      // Nobody trusts it: whoever watches for certificates that expire is to see it.
      const notAfter = facts.notBefore;
      return { ...facts, notAfter, names: [name], from, trouble: why ?? this.#waits(one) };
    });
  }

  /** Why there is none yet. */
  #waits({ name, isRunning, isElsewhere, heldUntilMs }: KeptName): string {
    if (isRunning) return 'it is being ordered';
    if (isElsewhere) return 'another service that shares the store orders it';
    if (heldUntilMs < Date.now()) return `${name} has none yet: start the service, which orders it`;
    return `it is ordered at ${new Date(heldUntilMs).toISOString()}: before, there would be too many orders`;
  }

  async refresh(): Promise<void> {
    // All of them are looked at together: see AutomaticCertificates.
  }

  #collect(): ServedCertificates {
    const byName = new Map(this.#names.map((one) => [one.name, this.#shownFor(one)]));
    const first = this.#names.find(({ served }) => served !== null)?.served;
    return { certificates: first ?? this.#standIn, byName, maker: null };
  }

  #shownFor({ served }: KeptName): readonly Certificate[] {
    return served ?? this.#standIn;
  }
}
