// A developer's own authority: made once, kept with his things, good for names of his machine and for no others.

import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import { PosternError } from '../errors.ts';
import { type Certificate, certificatesOf } from '../tls/certificate.ts';
import { type Authority, makeAuthority, makeCertificate } from '../tls/certificate-maker.ts';
import type { CertificateSource, SourceStatus } from '../tls/certificate-source.ts';
import type { ServedCertificates } from '../tls/tls-material.ts';

const dayMs = 86_400_000;

/** Whoever trusts it does so once. */
const authorityMs = 3_650 * dayMs;

/** Browsers refuse what is valid for much longer than a year. */
const certificateMs = 90 * dayMs;

/** What is asked for without a name, and what is asked for most. */
const usualNames = ['localhost', '127.0.0.1', '::1'];

/** Where it is kept: paths of its certificate, which others may have, and its key. */
export interface AuthorityFiles {
  readonly authority: string;
  readonly key: string;
}

/**
 * Finds it, or makes it.
 * @param data the user's own folder
 */
export async function openLocalAuthority(data: string): Promise<AuthorityFiles> {
  const folder = join(data, 'authority');
  const files = { authority: join(folder, 'authority.pem'), key: join(folder, 'authority.key') };
  try {
    await readFile(files.authority);
    return files;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(folder, error);
  }
  const beside = `${folder}.${randomBytes(8).toString('hex')}`;
  try {
    const made = await makeAuthority(
      `Postern on this machine ${new Date().toISOString().slice(0, 10)}`,
      authorityMs,
      true,
    );
    await mkdir(beside, { recursive: true, mode: 0o700 });
    await writeFile(join(beside, 'authority.pem'), made.certificate, { mode: 0o600 });
    await writeFile(join(beside, 'authority.key'), made.key, { mode: 0o600 });
    // Whole at once; another process may have been faster, and then its is the one.
    await rename(beside, folder).catch(() => {});
    await readFile(files.authority);
    return files;
  } catch (error) {
    throw unusable(folder, error);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

function unusable(folder: string, error: unknown): PosternError {
  return new PosternError(
    'CONFIG_INVALID',
    `the authority of this machine cannot be kept in ${folder}: ${(error as Error).message}`,
  );
}

/** Whether the system trusts it: what browsers keep for themselves is not looked at. */
export async function isTrusted({ authority }: AuthorityFiles): Promise<boolean> {
  const [own] = certificatesOf(await readFile(authority), authority);
  const wanted = own!.raw.toString('base64');
  return getCACertificates('system').some((pem) => pem.replaceAll(/-----[^-]*-----|\s/g, '') === wanted);
}

/** The certificates of a site by it. */
export class LocalCertificates implements CertificateSource {
  readonly #authority: Authority;
  readonly #path: string;
  #certificate: Certificate;
  #served: ServedCertificates;

  private constructor(authority: Authority, path: string, certificate: Certificate) {
    this.#authority = authority;
    this.#path = path;
    this.#certificate = certificate;
    this.#served = this.#collect();
  }

  /** @param path of the authority's certificate, for people */
  static async make(authority: Authority, path: string): Promise<LocalCertificates> {
    return new LocalCertificates(authority, path, await usual(authority));
  }

  get served(): ServedCertificates {
    return this.#served;
  }

  status(): SourceStatus[] {
    return [{ ...this.#certificate.facts, from: this.#path, trouble: null }];
  }

  async refresh(): Promise<void> {
    const { notBefore, notAfter } = this.#certificate.facts;
    if (notAfter - Date.now() > (notAfter - notBefore) / 3) return;
    this.#certificate = await usual(this.#authority);
    this.#served = this.#collect();
  }

  #collect(): ServedCertificates {
    return { certificates: [this.#certificate], byName: new Map(), maker: this.#authority };
  }
}

function usual(authority: Authority): Promise<Certificate> {
  return makeCertificate({ names: usualNames, title: 'localhost', lifetimeMs: certificateMs }, authority);
}
