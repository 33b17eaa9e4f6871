// The temporary folder of one run: the sites, the null responder and the database, each made when the first case asks for it.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import type { Certificate } from '../../src/tls/certificate.ts';
import { makeCertificate } from '../../src/tls/certificate-maker.ts';
import { freePort } from './free-port.ts';
import { buildResponder } from './null-responder.ts';
import type { Processes } from './processes.ts';
import { writeSite } from './site.ts';
import type { SecurePort, Stack, StackShape } from './stack.ts';
import { startWordpress } from './wordpress.ts';

/** Where a run keeps everything. */
export class Workspace {
  readonly folder: string;
  readonly #processes: Processes;
  readonly #signal: AbortSignal;
  readonly #roots = new Map<string, Promise<string>>();
  #certificate: Promise<Certificate> | null = null;
  #stacks = 0;

  constructor(processes: Processes, signal: AbortSignal) {
    this.folder = mkdtempSync(`${tmpdir()}/postern-bench-`);
    // The peers' accounts pass through it.
    chmodSync(this.folder, 0o755);
    this.#processes = processes;
    this.#signal = signal;
  }

  /** A stack as the case wants it, with a folder and a port of its own. */
  async stackFor(shape: StackShape, peerName: string): Promise<Stack> {
    this.#stacks += 1;
    const folder = `${this.folder}/${peerName}-${this.#stacks}`;
    mkdirSync(folder);
    return {
      folder,
      port: await freePort(),
      root: await this.#root(shape.site ?? 'plain'),
      workers: shape.workers ?? 8,
      responder: shape.application === 'null' ? await buildResponder(this.folder, this.#signal) : null,
      connections: shape.connections ?? 8,
      cold: shape.cold ?? false,
      zeroConfiguration: shape.zeroConfiguration ?? false,
      secure: shape.secure === true ? { port: await freePort(), ...(await this.#certificateFiles()) } : null,
    };
  }

  /** One key of the curve P-256 for all peers, of the run alone. */
  async #certificateFiles(): Promise<Omit<SecurePort, 'port'>> {
    this.#certificate ??= makeCertificate({
      names: ['localhost', '127.0.0.1'],
      title: 'bench',
      lifetimeMs: 86_400_000,
    });
    const { chain, key } = await this.#certificate;
    const files = { certificate: `${this.folder}/bench.pem`, key: `${this.folder}/bench.key` };
    writeFileSync(files.certificate, chain);
    // Readable by the peers' accounts.
    writeFileSync(files.key, key, { mode: 0o644 });
    return files;
  }

  /** Removes the folder. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #root(site: 'plain' | 'wordpress'): Promise<string> {
    const known = this.#roots.get(site);
    if (known !== undefined) return known;
    const made = site === 'plain' ? this.#plain() : this.#wordpress();
    this.#roots.set(site, made);
    return made;
  }

  async #plain(): Promise<string> {
    const root = `${this.folder}/site`;
    writeSite(root);
    return root;
  }

  #wordpress(): Promise<string> {
    return startWordpress(`${this.folder}/wordpress`, this.#processes, this.#signal);
  }
}
