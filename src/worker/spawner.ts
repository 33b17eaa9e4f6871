// Starts a program with a listening socket as its fd 0, as FastCGI 1.0, section 2.2 has it, and with nothing else of ours.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { textStart } from './byte-shell.ts';
import { checkFormat } from './cgi-format.ts';
import { checkFreeDescriptors, coverableNow, inheritableDescriptors } from './descriptors.ts';
import { type Guard, ShellGuard } from './guard.ts';
import { markVariable } from './marked.ts';
import type { Program } from './program.ts';
import { removeFiles, SpawnedProcess, SpawnedWorker, socketPathOf } from './spawned-process.ts';
import type { CgiStart, Starter } from './starter.ts';
import { type Account, Users } from './user.ts';

/** Where setpriv(1) of util-linux is, on the systems that have it. */
const setprivPaths = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/local/bin/setpriv'];

/** Of its options, those that are always used. */
const setprivWords = ['pdeathsig', 'no-new-privs'];

/** Added to a worker's score (proc(5), oom_score_adj): the one that ate the memory goes, never the manager. */
const workerScore = 500;

/** A standard descriptor of a program. */
type Standard = number | 'pipe';

/** What of a program matters for starting it. */
type Startable = Pick<Program, 'command' | 'cwd' | 'env' | 'user' | 'deathSignal'>;

/** What starting processes needs to know of this system: looked up once, by `openSpawner`. */
export class Spawner implements Starter {
  readonly #setpriv: string | null;
  readonly #inheritable: readonly number[];
  readonly #nullDescriptor: number;
  readonly #guard: Guard;
  readonly #users = new Users();
  #closed = false;

  constructor(setpriv: string | null, inheritable: readonly number[], nullDescriptor: number, guard: Guard) {
    this.#setpriv = setpriv;
    this.#inheritable = inheritable;
    this.#nullDescriptor = nullDescriptor;
    this.#guard = guard;
  }

  /**
   * Starts the program with a socket that listens in a file. It leads a process group of its own, so that all it
   * starts can be ended with it, and it gets SIGTERM when this process dies.
   * @param outputs descriptors for its stdout and stderr. @default pipes to this process
   */
  startWorker(
    program: Program,
    path: string,
    log: Log = silentLog,
    outputs: readonly [Standard, Standard] = ['pipe', 'pipe'],
  ): SpawnedWorker {
    checkProgram(program);
    const server = createServer();
    try {
      const child = this.#spawn(program, [listenOn(server, socketPathOf(path)), ...outputs]);
      if (child.pid !== undefined) preferInShortage(child.pid);
      return new SpawnedWorker(child, program.name, path, log);
    } catch (cause) {
      removeFiles(path);
      throw launchError(program, cause);
    } finally {
      // At once: a connection that we accept here would never reach the program.
      server.close();
    }
  }

  /**
   * Starts a CGI program. Otherwise as `startWorker`.
   * @param standard descriptors for its stdin, stdout and stderr. @default pipes to this process
   */
  startCgi(
    { path, variables, user }: CgiStart,
    standard: readonly [Standard, Standard, Standard] = ['pipe', 'pipe', 'pipe'],
  ): SpawnedProcess {
    checkFormat(path);
    const folder = path.slice(0, Math.max(1, path.lastIndexOf('/')));
    // The script alone: no part of a request becomes an argument.
    const program = { ...textStart(path, folder, variables), user };
    checkProgram(program);
    try {
      return new SpawnedProcess(this.#spawn(program, standard));
    } catch (cause) {
      throw launchError(program, cause);
    }
  }

  /** Repeatable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#nullDescriptor);
    void this.#guard.close();
  }

  #spawn(program: Startable, standard: readonly Standard[]): ChildProcess {
    const command = this.#command(program);
    checkFreeDescriptors();
    this.#guard.watch();
    return spawn(command[0]!, command.slice(1), {
      cwd: program.cwd,
      env: this.#environment(program),
      detached: true,
      stdio: this.#stdio(standard),
    });
  }

  #command(program: Startable): string[] {
    if (this.#setpriv === null) {
      if (program.user === null) return [...program.command];
      throw new PosternError('LAUNCH_FAILED', `user = "${program.user}" needs setpriv(1): install util-linux`);
    }
    const user = program.user === null ? [] : this.#identity(program.user);
    // TERM where nothing else is said: the parent of preforked children ends them on SIGTERM, while SIGKILL would leave them behind.
    return [
      this.#setpriv,
      '--pdeathsig',
      program.deathSignal ?? 'TERM',
      '--no-new-privs',
      ...user,
      '--',
      ...program.command,
    ];
  }

  #identity(user: string): string[] {
    return ['--reuid', user, '--regid', this.#account(user).group, '--init-groups'];
  }

  /** Whose home and name the programs of a user see, as PHP-FPM has it: composer, git and gpg keep their files there. */
  #environment({ user, env }: Startable): Record<string, string> {
    const mark = { [markVariable]: this.#guard.mark };
    if (user === null) return { ...env, ...mark };
    const { home, name } = this.#account(user);
    return { HOME: home, USER: name, ...env, ...mark };
  }

  #account(user: string): Account {
    // A user may have been made since the last look.
    const account = this.#users.accountOf(user) ?? new Users().accountOf(user);
    if (account !== null) return account;
    throw new PosternError('LAUNCH_FAILED', `there is no user "${user}" on this system: create it, or change user`);
  }

  /** What a child would inherit of ours besides is covered, since it may be anything. */
  #stdio(standard: readonly Standard[]): SpawnOptions['stdio'] {
    const inheritable = coverableNow(this.#inheritable);
    const highest = Math.max(2, ...inheritable);
    const covered = new Set(inheritable);
    const rest = Array.from({ length: highest - 2 }, (_, index) =>
      covered.has(index + 3) ? this.#nullDescriptor : ('ignore' as const),
    );
    return [...standard, ...rest];
  }
}

/**
 * Looks this system over. Close the spawner when no more is to be started.
 * @param guard of what it starts; closed with the spawner
 */
export function openSpawner(guard: Guard = new ShellGuard(), setpriv: string | null = findSetpriv()): Spawner {
  return new Spawner(setpriv, inheritableDescriptors(), openSync('/dev/null', 'r+'), guard);
}

/**
 * Path of a setpriv that can do what is asked of it; null: there is none. Its bytes are looked at, where they may be read, since running it holds up a start for
 * longer: busybox brings one that does not know all of these words.
 */
export function findSetpriv(): string | null {
  return setprivPaths.find((path) => executableProblem(path) === null && knowsAll(path)) ?? null;
}

function knowsAll(path: string): boolean {
  try {
    const bytes = readFileSync(path);
    return setprivWords.every((word) => bytes.includes(word));
  } catch {
    return true; // it may be run and not read
  }
}

function launchError({ command }: Startable, cause: unknown): PosternError {
  if (cause instanceof PosternError) return cause;
  return new PosternError('LAUNCH_FAILED', `${command[0]} could not be started: ${cause}`, { cause });
}

// The shell's words for these come from setpriv, or not at all: looked at first, they can name what is wrong.
function checkProgram({ command, cwd }: Startable): void {
  const path = command[0] ?? '';
  const problem = executableProblem(path);
  if (problem !== null) throw new PosternError('LAUNCH_FAILED', `${path} ${problem}`);
  if (!existsSync(cwd)) {
    throw new PosternError('LAUNCH_FAILED', `the working directory ${cwd} of ${path} does not exist: create it`);
  }
}

function executableProblem(path: string): string | null {
  if (!path.startsWith('/')) return 'is not an absolute path';
  try {
    if (!statSync(path).isFile()) return 'is not a file';
    accessSync(path, constants.X_OK);
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') return 'is not executable: chmod +x it';
    return 'does not exist: correct the path, or install it';
  }
}

/**
 * Makes the server listen, under a name that `close()` of it will not find any more, and gives the descriptor of its socket.
 * Listening on a path is done when the call returns; its event would come too late, since the server must never accept.
 */
function listenOn(server: Server, socketPath: string): number {
  const temporary = `${socketPath}.tmp`;
  mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  rmSync(temporary, { force: true });
  let failure: unknown;
  server.on('error', (error) => {
    failure = error;
  });
  server.listen(temporary);
  const { _handle } = server as unknown as { readonly _handle: { readonly fd?: number } | null };
  const descriptor = _handle?.fd ?? -1;
  if (descriptor < 0) {
    throw new PosternError('LAUNCH_FAILED', `no socket could be made at ${socketPath}`, {
      cause: failure ?? shortage(),
    });
  }
  renameSync(temporary, socketPath);
  return descriptor;
}

/** What opening a descriptor fails with now: the server tells its own error only later. */
function shortage(): unknown {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Makes a process, and what it starts, go before this one when memory runs out. Does nothing where that cannot be. */
function preferInShortage(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(workerScore));
  } catch {
    // Not Linux, another user's process, or it has ended.
  }
}
