// Thousands of idle keep-alive connections to one peer, held by programs of their own, from several loopback addresses.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';

/** How the connections fare. */
export interface IdleState {
  readonly held: number;
  /** Closed by the peer after their first answer. */
  readonly dropped: number;
  /** Never answered. */
  readonly failed: number;
}

interface Holder {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
  readonly reader: Interface;
}

const program = new URL('idle-holder.ts', import.meta.url).pathname;
// One address has some 28,000 ports to come from.
const eachHolds = 7500;

/** Held connections. */
export class IdleConnections {
  readonly #holders: Holder[];

  private constructor(holders: Holder[]) {
    this.#holders = holders;
  }

  /** Opens `count` connections, and returns when each has had an answer or has failed. */
  static async open(port: number, path: string, count: number): Promise<IdleConnections> {
    const holders: Holder[] = [];
    for (let left = count; left > 0; left -= eachHolds) {
      const from = `127.0.0.${2 + holders.length}`;
      holders.push(startHolder(['127.0.0.1', String(port), path, String(Math.min(left, eachHolds)), from]));
    }
    const connections = new IdleConnections(holders);
    try {
      await connections.#read();
    } catch (error) {
      await connections.close();
      throw error;
    }
    return connections;
  }

  /** How they are now. */
  async state(): Promise<IdleState> {
    for (const { child } of this.#holders) child.stdin!.write('\n');
    return await this.#read();
  }

  /** Closes them all. */
  async close(): Promise<void> {
    for (const { child, reader } of this.#holders) {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.stdin!.end();
        await exited;
      }
      reader.close();
    }
  }

  async #read(): Promise<IdleState> {
    const sum = { held: 0, dropped: 0, failed: 0 };
    for (const { lines } of this.#holders) {
      const line = await lines.next();
      if (line.done === true) throw new Error('a holder of idle connections ended early');
      const state = JSON.parse(line.value) as IdleState;
      sum.held += state.held;
      sum.dropped += state.dropped;
      sum.failed += state.failed;
    }
    return sum;
  }
}

/** How many file descriptors one process may have open here. */
export function descriptorLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? 1024);
}

function startHolder(args: readonly string[]): Holder {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const reader = createInterface({ input: child.stdout });
  return { child, reader, lines: reader[Symbol.asyncIterator]() };
}
