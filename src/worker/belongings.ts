// What is a worker's own: its processes, marked for whoever comes after a manager that was killed, and whoever else serves its socket.

import { markMember, writeMark } from './orphans.ts';
import { living, readProcessStat, sendSignal, standardInputOf } from './process-table.ts';

/** Members in a mark before it is written anew: children come and go. */
const mostMarked = 256;

/** Whose the processes are that serve a worker's socket. */
export class SocketUsers {
  readonly #leader: number;
  /** The leader's descriptor 0, by which whoever else serves it is known; null: that is not to be seen. */
  readonly #socket: string | null;

  constructor(leader: number) {
    this.#leader = leader;
    const input = standardInputOf(leader);
    this.#socket = input?.startsWith('socket:') ? input : null;
  }

  /**
   * Whether a process serves the worker's socket without being a child of it: a script that starts php-cgi leaves it there, since it finds
   * the socket as its descriptor 0. False also for what the worker has not started: the answer to a probe may name anything.
   */
  isForeign(pid: number): boolean {
    const stat = readProcessStat(pid);
    if (stat === null || pid === this.#leader || stat.parent === this.#leader) return false;
    // Who has left group and session is known by the socket.
    return stat.group === this.#leader || stat.session === this.#leader || this.isServed(pid);
  }

  /** Whether a process has the worker's socket. */
  isServed(pid: number): boolean {
    return this.#socket !== null && standardInputOf(pid) === this.#socket;
  }
}

export class Belongings {
  readonly #leader: number;
  readonly #markPath: string;
  readonly #onTrouble: (error: Error) => void;
  readonly #users: SocketUsers;
  #marked = 0;

  /** @param onTrouble the mark could not be written: a full disk must not keep workers from starting */
  constructor(leader: number, markPath: string, onTrouble: (error: Error) => void) {
    this.#leader = leader;
    this.#markPath = markPath;
    this.#onTrouble = onTrouble;
    this.#users = new SocketUsers(leader);
    this.#mark(() => writeMark(markPath, leader));
  }

  /** A process that serves a lane is known now. @param known all that are */
  met(pid: number, known: Iterable<number>): void {
    if (pid === this.#leader) return;
    this.#marked += 1;
    if (this.#marked <= mostMarked) this.#mark(() => markMember(this.#markPath, pid));
    else {
      const members = [...known];
      this.#marked = members.length;
      this.#mark(() => writeMark(this.#markPath, this.#leader, members));
    }
  }

  /** Ends a process that serves the worker's socket and is none of its own. @returns false when there is none such */
  endForeign(pid: number): boolean {
    return this.#users.isForeign(pid) && sendSignal(pid, 'SIGKILL');
  }

  /** What left the group stayed in the session, or serves the socket still; whoever has left all of these did so on purpose. */
  end(): void {
    // A leader that lives is not ours, which was reaped: its id was used again.
    const isReused = readProcessStat(this.#leader) !== null;
    const left = living((stat, pid) => (!isReused && stat.session === this.#leader) || this.#users.isServed(pid));
    for (const pid of left ?? []) sendSignal(pid, 'SIGKILL');
  }

  #mark(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#onTrouble(error as Error);
    }
  }
}
