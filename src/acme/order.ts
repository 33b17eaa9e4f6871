// One order for one name: from the authority's questions to the certificate (RFC 8555, section 7.4).

import { createHash } from 'node:crypto';
import { type Certificate, namesMissing, readCertificate } from '../tls/certificate.ts';
import { makeCertificate, makeRequest } from '../tls/certificate-maker.ts';
import type { ProofFolder } from '../tls/proof-folder.ts';
import type { AcmeAnswer, AcmeConnection, Signer } from './acme-connection.ts';
import { AcmeProblem, problemOf, shown } from './acme-problem.ts';
import { keyAuthorization } from './jws.ts';

/** Ways to show that a name is ours. */
export type Challenge = 'http-01' | 'tls-alpn-01';

/** What is ordered. */
export interface Ordered {
  readonly name: string;
  /** The ways that our listeners can answer, the one to be tried first. */
  readonly challenges: readonly Challenge[];
  /** Kind of certificate; null: the authority's usual one. */
  readonly profile: string | null;
  /** Names the certificate that this one takes the place of (RFC 9773, section 5); null: none. */
  readonly replaces: string | null;
}

/** An object of the authority: an order, an authorization, a challenge. */
type Thing = Readonly<Record<string, unknown>>;

/** For an authority that does not say when to ask again: the first pause, and the longest. */
const firstPauseMs = 500;
const longestPauseMs = 10_000;

/** An authority that has not made up its mind by then will not. */
const patienceMs = 300_000;

export class Order {
  readonly #connection: AcmeConnection;
  readonly #signer: Signer;
  readonly #proofs: ProofFolder;
  readonly #wanted: Ordered;

  constructor(connection: AcmeConnection, signer: Signer, proofs: ProofFolder, wanted: Ordered) {
    this.#connection = connection;
    this.#signer = signer;
    this.#proofs = proofs;
    this.#wanted = wanted;
  }

  /** @throws AcmeProblem */
  async run(): Promise<Certificate> {
    const { name } = this.#wanted;
    const made = await this.#place();
    const url = made.location;
    if (url === null) throw new AcmeProblem('it took the order and did not say where it is');
    const authorizations = Array.isArray(made.json.authorizations) ? made.json.authorizations : [];
    for (const one of authorizations) await this.#authorize(String(one));
    const ready = await this.#settled(url, ['ready', 'valid'], ['pending']);
    const { der, key } = await makeRequest([name]);
    await this.#finalize(String(ready.finalize), der);
    const { certificate } = await this.#settled(url, ['valid'], ['pending', 'ready', 'processing']);
    const { body } = await this.#ask(String(certificate), null, 'application/pem-certificate-chain');
    return certificateOf(body, key, name);
  }

  async #place(): Promise<AcmeAnswer> {
    const { newOrder, profiles } = await this.#connection.directory();
    const { name, profile, replaces } = this.#wanted;
    if (profile !== null && !profiles.includes(profile)) {
      const there = profiles.length === 0 ? 'it has no profiles' : `it has ${profiles.map(shown).join(', ')}`;
      throw new AcmeProblem(`it has no profile "${profile}" (${there}): change profile in [acme]`);
    }
    const order = { identifiers: [{ type: 'dns', value: name }], ...(profile !== null && { profile }) };
    if (replaces === null) return this.#ask(newOrder, order);
    try {
      return await this.#ask(newOrder, { ...order, replaces });
    } catch (error) {
      // What was replaced by somebody else, or is not known any more, does not hinder a new one.
      if (!(error instanceof AcmeProblem) || error.status === 429 || error.isOutage) throw error;
      return this.#ask(newOrder, order);
    }
  }

  async #authorize(url: string): Promise<void> {
    const authorization = (await this.#ask(url, null)).json;
    if (authorization.status === 'valid') return;
    if (authorization.status !== 'pending') throw refusalOf(authorization);
    const [challenge, kind] = this.#choose(authorization);
    const takeAway = await this.#prove(kind, String(challenge.token));
    try {
      await this.#ask(String(challenge.url), {});
      await this.#settled(url, ['valid'], ['pending']);
    } catch (error) {
      // What is left pending counts against a limit.
      if (!(error instanceof AcmeProblem) || error.type === '')
        await this.#ask(url, { status: 'deactivated' }).catch(() => {});
      throw error;
    } finally {
      await takeAway();
    }
  }

  #choose({ challenges }: Thing): readonly [Thing, Challenge] {
    const offered = (Array.isArray(challenges) ? challenges : []) as Thing[];
    for (const kind of this.#wanted.challenges) {
      const found = offered.find(({ type }) => type === kind);
      if (found !== undefined) return [found, kind];
    }
    const kinds = offered.map(({ type }) => shown(String(type))).join(', ');
    throw new AcmeProblem(
      `it wants a proof by ${kinds}, and this service can answer ${this.#wanted.challenges.join(', ')}`,
    );
  }

  async #prove(kind: Challenge, token: string): Promise<() => Promise<void>> {
    const text = keyAuthorization(token, this.#signer.key);
    if (kind === 'http-01') return this.#proofs.putText(token, text);
    const { name } = this.#wanted;
    const acmeDigest = createHash('sha256').update(text).digest();
    const proof = await makeCertificate({ names: [name], title: name, lifetimeMs: 86_400_000, acmeDigest });
    return this.#proofs.putCertificate(name, proof);
  }

  async #finalize(url: string, request: Buffer): Promise<void> {
    try {
      await this.#ask(url, { csr: request.toString('base64url') });
    } catch (error) {
      // Of an answer that was lost on its way: the order itself says how it is.
      if (!(error instanceof AcmeProblem) || error.type !== 'orderNotReady') throw error;
    }
  }

  /** Asks until it is settled. @throws AcmeProblem where it is settled otherwise */
  async #settled(url: string, good: readonly string[], open: readonly string[]): Promise<Thing> {
    const untilMs = performance.now() + patienceMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      const { json, retryAfterMs } = await this.#ask(url, null);
      const status = String(json.status);
      if (good.includes(status)) return json;
      if (!open.includes(status)) throw refusalOf(json);
      const nextMs = Math.max(100, retryAfterMs ?? pauseMs);
      if (performance.now() + nextMs > untilMs)
        throw new AcmeProblem(`it said nothing but "${shown(status)}" for ${patienceMs / 60_000} minutes`);
      await this.#connection.pause(nextMs);
    }
  }

  #ask(url: string, payload: unknown, accept?: string): Promise<AcmeAnswer> {
    return this.#connection.post(url, payload, this.#signer, accept);
  }
}

/** Why an order or an authorization came to nothing: the reason is with the challenge that failed. */
function refusalOf(thing: Thing): AcmeProblem {
  const challenges = (Array.isArray(thing.challenges) ? thing.challenges : []) as Thing[];
  const error = thing.error ?? challenges.find((one) => one.error !== undefined)?.error;
  if (error === undefined) return new AcmeProblem(`its order became "${shown(String(thing.status))}"`, { status: 400 });
  return problemOf(error, 400);
}

function certificateOf(chain: Buffer, key: Buffer, name: string): Certificate {
  let certificate: Certificate;
  try {
    certificate = readCertificate(chain, key);
  } catch (error) {
    throw new AcmeProblem(`what it issued cannot be used: ${(error as Error).message}`);
  }
  if (namesMissing(certificate.facts, [name]).length > 0)
    throw new AcmeProblem(`what it issued is for ${certificate.facts.names.map(shown).join(', ')}`);
  return certificate;
}
