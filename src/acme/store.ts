// Where accounts and certificates are kept: a folder for its owner alone, which several services may share.
//
//   STORE/proofs/TOKEN.txt             what an authority wants to see, while it looks
//   STORE/AUTHORITY/account.json       the account there, with its key
//   STORE/AUTHORITY/orders.json        when orders were placed, and what must wait
//   STORE/AUTHORITY/names/NAME.pem     key and certificates in one file, so that they always fit together
//   STORE/AUTHORITY/names/NAME.json    how the name failed, while it does
//   STORE/AUTHORITY/names/NAME.lock    who orders for it now
//
// A file is written beside its place and then renamed: whoever reads finds the old one or the new one, whole.

import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { type Certificate, readCertificate } from '../tls/certificate.ts';
import { readIfThere, replacePrivateFile } from '../tls/private-file.ts';
import { ProofFolder } from '../tls/proof-folder.ts';
import type { Failure, OrderBooks } from './back-off.ts';
import { type HeldLock, StoreLocks } from './store-lock.ts';

/** An account as it is kept. */
export interface KeptAccount {
  /** Its address. */
  readonly url: string;
  /** PEM. */
  readonly key: string;
  readonly email: string | null;
}

/** No order takes so long, whatever the clocks of those who share the store say. */
const staleMs = 24 * 3_600_000;

/** Files that were to be renamed, and locks that were moved aside. */
const leftBeside = /\.(?:new|lock\.[0-9a-f]{16})$/;

/** What is kept of one authority. */
export class AcmeStore {
  readonly proofs: ProofFolder;
  readonly #folder: string;
  readonly #root: string;
  readonly #locks: StoreLocks;

  /** @param directory URL of the authority */
  constructor(root: string, directory: string, clock: Clock = systemClock) {
    this.#locks = new StoreLocks(clock);
    this.#root = root;
    this.#folder = join(root, authorityFolder(directory));
    this.proofs = new ProofFolder(join(root, 'proofs'));
  }

  /** Makes its folders. @throws CONFIG_INVALID where that cannot be done, or strangers may look in */
  async open(): Promise<void> {
    try {
      await mkdir(this.#names, { recursive: true, mode: 0o700 });
      await mkdir(this.proofs.path, { recursive: true, mode: 0o700 });
      const { mode, uid } = await stat(this.#root);
      if ((mode & 0o077) !== 0) throw new Error('others may look into it: chmod it to 0700');
      const own = process.getuid?.();
      if (own !== undefined && uid !== own) throw new Error(`it belongs to user ${uid}, and this is ${own}: chown it`);
      const probe = join(this.#folder, `${randomBytes(8).toString('hex')}.new`);
      await (await open(probe, 'wx', 0o600)).close();
      await rm(probe, { force: true });
      await Promise.all([
        sweep(this.proofs.path, /./),
        sweep(this.#names, leftBeside),
        sweep(this.#folder, leftBeside),
      ]);
    } catch (error) {
      const why = (error as Error).message;
      throw new PosternError(
        'CONFIG_INVALID',
        `certificates cannot be kept in ${this.#root}: ${why}; see store in [acme]`,
      );
    }
  }

  /** @returns null: it is somebody else's now */
  lock(name: string): Promise<HeldLock | null> {
    return this.#locks.take(join(this.#names, `${fileName(name)}.lock`));
  }

  /** For what is the authority's as a whole. */
  lockAll(): Promise<HeldLock | null> {
    return this.#locks.take(join(this.#folder, 'authority.lock'));
  }

  async account(): Promise<KeptAccount | null> {
    return this.#json<KeptAccount>('account.json');
  }

  async keepAccount(account: KeptAccount): Promise<void> {
    await this.#write('account.json', JSON.stringify(account, null, 2));
  }

  /** Takes an account away that the authority does not know. */
  async forgetAccount(): Promise<void> {
    await rm(join(this.#folder, 'account.json'), { force: true });
  }

  async books(): Promise<OrderBooks> {
    const kept = await this.#json<Partial<OrderBooks>>('orders.json');
    return { orders: kept?.orders ?? [], holds: kept?.holds ?? {} };
  }

  async keepBooks(books: OrderBooks): Promise<void> {
    await this.#write('orders.json', JSON.stringify(books));
  }

  /** What changes whenever a certificate of any name does; empty: it cannot be looked at. */
  async lookAll(): Promise<string> {
    const found = await stat(this.#names).catch(() => null);
    return found === null ? '' : `${found.ino} ${found.mtimeMs}`;
  }

  /** What the file of a certificate looks like; the same text as long as it is the same. Empty: there is none. */
  async look(name: string): Promise<string> {
    const found = await stat(join(this.#folder, certificateFile(name))).catch(() => null);
    return found === null ? '' : `${found.ino} ${found.size} ${found.mtimeMs}`;
  }

  /** @returns null: there is none @throws CONFIG_INVALID for one that is broken */
  async certificate(name: string): Promise<Certificate | null> {
    const path = join(this.#folder, certificateFile(name));
    const bytes = await readIfThere(path);
    if (bytes === null) return null;
    const { chain, key, facts } = readCertificate(bytes, bytes, { certificate: path, key: path });
    return { chain: partsOf(chain, 'CERTIFICATE'), key: partsOf(key, 'PRIVATE KEY'), facts };
  }

  async keepCertificate(name: string, { key, chain }: Certificate): Promise<void> {
    await this.#write(certificateFile(name), Buffer.concat([key, chain]));
  }

  /** @returns null: it did not fail */
  async failure(name: string): Promise<Failure | null> {
    const kept = await this.#json<Failure>(join('names', `${fileName(name)}.json`));
    return Number.isFinite(kept?.nextAtMs) && Number.isFinite(kept?.count) ? kept : null;
  }

  /** @param failure null: it goes well again */
  async keepFailure(name: string, failure: Failure | null): Promise<void> {
    const file = join('names', `${fileName(name)}.json`);
    if (failure === null) await rm(join(this.#folder, file), { force: true });
    else await this.#write(file, JSON.stringify(failure, null, 2));
  }

  get #names(): string {
    return join(this.#folder, 'names');
  }

  async #json<Value>(file: string): Promise<Value | null> {
    const bytes = await readIfThere(join(this.#folder, file));
    if (bytes === null) return null;
    try {
      return JSON.parse(bytes.toString()) as Value;
    } catch {
      // Whatever it was: what is not there is made anew.
      return null;
    }
  }

  #write(file: string, content: string | Buffer): Promise<void> {
    return replacePrivateFile(join(this.#folder, file), content);
  }
}

/** "acme-v02.api.letsencrypt.org-1a2b3c4d": people know it, and two directories of one host are two. */
export function authorityFolder(directory: string): string {
  const { host } = new URL(directory);
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  return `${host.replaceAll(/[^a-z0-9.-]/gi, '_')}-${digest}`;
}

const certificateFile = (name: string): string => join('names', `${fileName(name)}.pem`);

/** Names were checked when they were configured; here nothing may lead out of the folder. */
function fileName(name: string): string {
  if (!/^[a-z0-9_-][a-z0-9._-]{0,252}$/.test(name)) throw new Error(`"${name}" is no name of a host`);
  return name;
}

function partsOf(pem: Buffer, what: string): Buffer {
  const blocks = pem.toString('latin1').match(new RegExp(`-----BEGIN ${what}-----[^-]*-----END ${what}-----`, 'g'));
  return Buffer.from((blocks ?? []).map((block) => `${block}\n`).join(''), 'latin1');
}

/** Takes away what a process left that was killed. */
async function sweep(folder: string, left: RegExp): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!left.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isFile() && Date.now() - found.mtimeMs > staleMs) await rm(path, { force: true });
  }
}
