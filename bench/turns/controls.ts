// What a second processor costs whoever serves: nginx with one process and with two, and two services of one thread each, which share nothing, with half of
// the lanes and of the load each. What our threads cost above that is ours.

import { startPeer } from '../macro/peer.ts';
import { nginxWith } from '../macro/peers/nginx.ts';
import { treeUsage } from '../macro/process-tree.ts';
import type { Processes } from '../macro/processes.ts';
import type { Workspace } from '../macro/workspace.ts';
import { type Asked, type Contender, type Cost, costBy, costOf, type TurnLoad } from './contender.ts';

/** What nginx is started with. */
interface NginxParts {
  readonly connections: number;
  readonly workers: number;
  readonly workspace: Workspace;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

/** Loads one that was started. */
export type Loaded = (asked: Asked, load: TurnLoad) => Promise<Cost>;

/** nginx as shipped with so many processes, before PHP-FPM and before the null responder. */
export async function startNginx(workerProcesses: number, parts: NginxParts): Promise<Loaded> {
  const { connections, workers, workspace, processes, signal } = parts;
  const start = async (application: 'php' | 'null', path: string): Promise<Loaded> => {
    const peer = nginxWith(workerProcesses);
    const stack = await workspace.stackFor({ application, connections, workers }, peer.name);
    const { origin, roots } = await startPeer(peer, stack, processes, path, signal);
    const usage = (): { userMicros: number; systemMicros: number } => {
      const { serverMicros, serverUserMicros } = treeUsage(roots.slice(0, 1));
      return { userMicros: serverUserMicros, systemMicros: serverMicros - serverUserMicros };
    };
    return (asked, load) => costBy(origin, usage, asked, load);
  };
  const php = await start('php', '/hello.php');
  const responder = await start('null', '/null');
  return (asked, load) => (asked.path === '/null' ? responder : php)(asked, load);
}

/** Two services at the same time, each with half of the load. */
export function together([one, other]: readonly [Contender, Contender]): Loaded {
  return async (asked, load) => {
    const half = { ...load, connections: load.connections / 2 };
    const [a, b] = await Promise.all([costOf(one, asked, half), costOf(other, asked, half)]);
    const requests = a.requests + b.requests;
    const mean = (kind: 'user' | 'system'): number => (a[kind] * a.requests + b[kind] * b.requests) / requests;
    return { requests, user: mean('user'), system: mean('system') };
  };
}
