// What an authority wants to see before it believes that a name is ours (RFC 8555, section 8.3; RFC 8737): files in a folder. Whoever asks for a certificate
// writes them; whichever thread, process or machine shares the folder can answer with them.

import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Certificate, readCertificate } from './certificate.ts';
import { readIfThere, replacePrivateFile } from './private-file.ts';

/** Where the path of a question by plain HTTP begins. */
export const proofPath = '/.well-known/acme-challenge/';

/** By which an authority asks for a proof by TLS. */
export const proofProtocol = 'acme-tls/1';

/** Tokens are of these characters (RFC 8555, section 8): nothing else becomes a file's name. */
const tokenShape = /^[\w-]{1,200}$/;

export class ProofFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** What is answered to a request for a path; null: nobody asks for that now. */
  async textFor(path: string): Promise<string | null> {
    const token = path.slice(proofPath.length);
    if (!tokenShape.test(token)) return null;
    return (await readIfThere(join(this.path, `${token}.txt`)))?.toString() ?? null;
  }

  /** The certificate that is shown for a name; null: nobody asks for that now. */
  async certificateFor(name: string): Promise<Certificate | null> {
    const bytes = await readIfThere(join(this.path, certificateFile(name)));
    return bytes === null ? null : readCertificate(bytes, bytes);
  }

  /** @returns what takes it away again */
  async putText(token: string, text: string): Promise<() => Promise<void>> {
    if (!tokenShape.test(token)) throw new Error('the authority gave a token that is none');
    return this.#put(`${token}.txt`, text);
  }

  /** @returns what takes it away again */
  async putCertificate(name: string, { chain, key }: Certificate): Promise<() => Promise<void>> {
    return this.#put(certificateFile(name), Buffer.concat([key, chain]));
  }

  async #put(file: string, content: string | Buffer): Promise<() => Promise<void>> {
    const path = join(this.path, file);
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await replacePrivateFile(path, content);
    return () => rm(path, { force: true });
  }
}

/** A name of the network is no name of a file. */
function certificateFile(name: string): string {
  return `${createHash('sha256').update(name.toLowerCase()).digest('hex')}.pem`;
}
