// The account at one authority: made once, kept in the store (RFC 8555, section 7.3).

import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { AcmeConnection, Signer } from './acme-connection.ts';
import { AcmeProblem } from './acme-problem.ts';
import { binding, type ExternalAccount } from './jws.ts';
import type { AcmeStore } from './store.ts';

/** Whose account it is. */
export interface AccountOwner {
  /** null: the authority tells nobody anything. */
  readonly email: string | null;
  readonly externalAccount: ExternalAccount | null;
}

/** How long the others of a store may take to make it: longer than it takes to see that a lock is a dead one's (see `store-lock.ts`). */
const lockPauseMs = 200;
const lockTries = 400;

export class AcmeAccount {
  readonly #connection: AcmeConnection;
  readonly #store: AcmeStore;
  readonly #owner: AccountOwner;
  #signer: Promise<Signer> | null = null;
  /** The same once it is there. */
  #known: Signer | null = null;

  constructor(connection: AcmeConnection, store: AcmeStore, owner: AccountOwner) {
    this.#connection = connection;
    this.#store = store;
    this.#owner = owner;
  }

  /** Who signs. @throws AcmeProblem */
  signer(): Promise<Signer> {
    if (this.#signer === null) {
      this.#signer = this.withBooks(async () => (this.#known = await this.#open()));
      this.#signer.catch(() => (this.#signer = null));
    }
    return this.#signer;
  }

  /** The authority does not know this one any more. Another that was made meanwhile, here or by others of the store, stays. */
  async forget(signer: Signer): Promise<void> {
    if (this.#known === signer) {
      this.#known = null;
      this.#signer = null;
    }
    const kept = await this.#store.account();
    if (kept?.url === signer.account) await this.#store.forgetAccount();
  }

  /** Does something that one at a time may do at a store. */
  async withBooks<Value>(act: () => Promise<Value>): Promise<Value> {
    for (let tries = 1; ; tries += 1) {
      const lock = await this.#store.lockAll();
      if (lock !== null) {
        try {
          return await act();
        } finally {
          await lock.release();
        }
      }
      if (tries === lockTries)
        throw new AcmeProblem('somebody else has held the lock of the store for more than a minute');
      await this.#connection.pause(lockPauseMs);
    }
  }

  async #open(): Promise<Signer> {
    const { email } = this.#owner;
    const kept = await this.#store.account();
    if (kept === null) return this.#make();
    const signer = { key: createPrivateKey(kept.key), account: kept.url };
    if (kept.email === email) return signer;
    try {
      await this.#connection.post(kept.url, { contact: contactOf(email) }, signer);
    } catch (error) {
      if (!(error instanceof AcmeProblem) || error.type !== 'accountDoesNotExist') throw error;
      return this.#make();
    }
    await this.#store.keepAccount({ ...kept, email });
    return signer;
  }

  async #make(): Promise<Signer> {
    const { email, externalAccount } = this.#owner;
    const { newAccount, needsExternalAccount } = await this.#connection.directory();
    if (needsExternalAccount && externalAccount === null)
      throw new AcmeProblem('it wants an account that was made elsewhere: set externalAccount in [acme]', {
        status: 400,
      });
    const key: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const wanted = {
      termsOfServiceAgreed: true,
      contact: contactOf(email),
      ...(externalAccount !== null && { externalAccountBinding: binding(externalAccount, newAccount, key) }),
    };
    const { location } = await this.#connection.post(newAccount, wanted, { key, account: null });
    if (location === null) throw new AcmeProblem('it made an account and did not say where it is');
    await this.#store.keepAccount({
      url: location,
      key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      email,
    });
    return { key, account: location };
  }
}

const contactOf = (email: string | null): string[] => (email === null ? [] : [`mailto:${email}`]);
