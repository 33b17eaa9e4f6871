// The temporary folder of one run: the sites, the null responder and the database, each made when the first case asks for it.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { freePort } from './free-port.ts';
import { buildResponder } from './null-responder.ts';
import type { Processes } from './processes.ts';
import { writeSite } from './site.ts';
import type { Stack, StackShape } from './stack.ts';
import { startWordpress } from './wordpress.ts';

/** Where a run keeps everything. */
export class Workspace {
  readonly folder: string;
  readonly #processes: Processes;
  readonly #signal: AbortSignal;
  readonly #roots = new Map<string, Promise<string>>();
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
    };
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
