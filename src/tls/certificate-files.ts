// Certificates from files: read, checked, and read again when they change, as certbot and its kind replace them under a running service.

import { stat } from 'node:fs/promises';
import { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { type CertificateSource, type SourceStatus, timeTrouble } from './certificate-source.ts';
import type { ServedCertificates } from './tls-material.ts';

/** Absolute paths of one certificate and its key. */
export interface CertificatePaths {
  readonly certificate: string;
  readonly key: string;
}

/** Gives the bytes of a file: who may read a key is not always who serves with it. */
export type ReadFile = (path: string) => Promise<Buffer>;

/** Looks for which a changed pair may not fit together before that is told: a certificate and its key are two files, replaced one after the other. */
const patience = 3;

/** The certificates of one site. */
export class CertificateFiles implements CertificateSource {
  readonly #paths: readonly CertificatePaths[];
  readonly #read: ReadFile;
  readonly #log: Log;
  #served: ServedCertificates = served([]);
  /** What the files looked like when they were last read. */
  #seen = '';
  #misfits = 0;
  #trouble: string | null = null;

  constructor(paths: readonly CertificatePaths[], read: ReadFile, log: Log) {
    this.#paths = paths;
    this.#read = read;
    this.#log = log;
  }

  /** Reads them for the first time. @throws CONFIG_INVALID */
  async load(): Promise<void> {
    this.#seen = await this.#look();
    this.#served = served(await this.#readAll());
  }

  get served(): ServedCertificates {
    return this.#served;
  }

  status(): SourceStatus[] {
    return this.#served.certificates.map(({ facts }, index) => ({
      ...facts,
      from: this.#paths[index]!.certificate,
      trouble: this.#trouble ?? timeTrouble(facts, Date.now()),
    }));
  }

  async refresh(): Promise<void> {
    try {
      const seen = await this.#look();
      if (seen === this.#seen) return;
      this.#served = served(await this.#readAll());
      this.#seen = seen;
      this.#misfits = 0;
      this.#trouble = null;
      const [{ facts }] = this.#served.certificates as [Certificate];
      const until = new Date(facts.notAfter).toISOString();
      this.#log.info({ certificate: this.#paths[0]!.certificate, until }, 'a changed certificate was taken');
    } catch (error) {
      this.#misfits += 1;
      if (this.#misfits !== patience) return;
      this.#trouble = `the changed files are not used: ${(error as Error).message}`;
      this.#log.error(
        { certificate: this.#paths[0]!.certificate },
        `${this.#trouble}; the certificate of before goes on`,
      );
    }
  }

  async #look(): Promise<string> {
    const files = this.#paths.flatMap(({ certificate, key }) => [certificate, key]);
    const seen = await Promise.all(
      files.map((file) =>
        stat(file).then(
          ({ ino, size, mtimeMs }) => `${ino} ${size} ${mtimeMs}`,
          // Whoever reads it for us may see more.
          () => '',
        ),
      ),
    );
    return seen.join('|');
  }

  #readAll(): Promise<Certificate[]> {
    return Promise.all(
      this.#paths.map(async ({ certificate, key }) =>
        readCertificate(await this.#bytesOf(certificate), await this.#bytesOf(key), { certificate, key }),
      ),
    );
  }

  async #bytesOf(path: string): Promise<Buffer> {
    try {
      return await this.#read(path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why =
        code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : message;
      throw new PosternError('CONFIG_INVALID', `${path}: ${why}`);
    }
  }
}

function served(certificates: readonly Certificate[]): ServedCertificates {
  return { certificates, byName: new Map(), maker: null };
}
