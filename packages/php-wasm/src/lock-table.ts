// File locks between the embedded PHPs of one user: a table in SQLite, since Node has no call for the system's own.

import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** flock() locks whole files for an open file, fcntl() ranges for a process; neither sees the other. */
export type LockKind = 'flock' | 'fcntl';

/** A lock that is asked for. */
export interface LockRequest {
  readonly kind: LockKind;
  /** Device and inode. */
  readonly file: string;
  /** Whose it is, within this process. */
  readonly owner: string;
  readonly isExclusive: boolean;
  /** First and last byte. */
  readonly first: number;
  readonly last: number;
}

/** A lock that stands. */
export interface HeldLock {
  readonly pid: number;
  readonly isExclusive: boolean;
  readonly first: number;
  readonly last: number;
}

interface Row {
  readonly pid: number;
  readonly owner: string;
  readonly exclusive: number;
  readonly first: number;
  readonly last: number;
}

/** The last byte that a file can have. */
export const lastByte = Number.MAX_SAFE_INTEGER;

const schema = `
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
PRAGMA busy_timeout = 10000;
CREATE TABLE IF NOT EXISTS locks (kind TEXT, file TEXT, pid INTEGER, owner TEXT, exclusive INTEGER, first INTEGER, last INTEGER);
CREATE INDEX IF NOT EXISTS locks_by_file ON locks (file, kind);
`;

/** What this process and others hold. Locks of a process that died are swept away by whoever they stand in the way of. */
export class LockTable {
  readonly #database: DatabaseSync;
  readonly #overlapping: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteOwner: StatementSync;
  readonly #deleteProcess: StatementSync;

  /** @param folder private to the user */
  constructor(folder: string) {
    this.#database = new DatabaseSync(join(folder, 'locks.db'));
    this.#database.exec(schema);
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#overlapping = prepare('SELECT * FROM locks WHERE file = ? AND kind = ? AND last >= ? AND first <= ?');
    this.#insert = prepare('INSERT INTO locks VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#delete = prepare('DELETE FROM locks WHERE file = ? AND kind = ? AND pid = ? AND owner = ? AND first = ?');
    this.#deleteOwner = prepare('DELETE FROM locks WHERE file = ? AND kind = ? AND pid = ? AND owner = ?');
    this.#deleteProcess = prepare('DELETE FROM locks WHERE pid = ?');
  }

  /** Takes a lock, in place of what its owner had there; null: done, else what stands in the way. */
  take(request: LockRequest): HeldLock | null {
    return this.#alone(() => {
      const conflict = this.#conflict(request);
      if (conflict === null) {
        this.#cutOut(request);
        const { kind, file, owner, isExclusive, first, last } = request;
        this.#insert.run(kind, file, process.pid, owner, Number(isExclusive), first, last);
      }
      return conflict;
    });
  }

  /** Gives a lock back, or the part of one that is named. */
  release(request: LockRequest): void {
    this.#alone(() => this.#cutOut(request));
  }

  /** What would stand in the way of a lock; null: nothing. */
  find(request: LockRequest): HeldLock | null {
    return this.#alone(() => this.#conflict(request));
  }

  /** All that an owner in this process has on a file. */
  releaseOwner(kind: LockKind, file: string, owner: string): void {
    this.#deleteOwner.run(file, kind, process.pid, owner);
  }

  /** All of this process. */
  releaseAll(): void {
    this.#deleteProcess.run(process.pid);
  }

  #rows({ kind, file, first, last }: LockRequest): Row[] {
    return this.#overlapping.all(file, kind, first, last) as unknown as Row[];
  }

  #conflict(request: LockRequest): HeldLock | null {
    for (const row of this.#rows(request)) {
      const isOwn = row.pid === process.pid && row.owner === request.owner;
      if (isOwn || !(row.exclusive || request.isExclusive)) continue;
      if (isAlive(row.pid)) return { ...row, isExclusive: row.exclusive === 1 };
      this.#deleteProcess.run(row.pid);
    }
    return null;
  }

  /** Takes the range out of what the owner holds; what is left and right of it stays. */
  #cutOut(request: LockRequest): void {
    const { kind, file, owner, first, last } = request;
    for (const row of this.#rows(request)) {
      if (row.pid !== process.pid || row.owner !== owner) continue;
      this.#delete.run(file, kind, row.pid, owner, row.first);
      const keep = (from: number, to: number) => this.#insert.run(kind, file, row.pid, owner, row.exclusive, from, to);
      if (row.first < first) keep(row.first, first - 1);
      if (row.last > last) keep(last + 1, row.last);
    }
  }

  #alone<Result>(act: () => Result): Result {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      return act();
    } finally {
      this.#database.exec('COMMIT');
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
