// What to run: everything a worker is started with, and what is special about the program in data, so that nobody below knows PHP.

/** How a program is run by its pool. Made from the configuration, by `php/` for PHP. */
export interface Program {
  /** The pool's name, for logs. */
  readonly name: string;
  /** Program and arguments; the program is an absolute path. */
  readonly command: readonly string[];
  /** Working directory of the process. */
  readonly cwd: string;
  /** The whole environment of the process: what the configuration says, and PATH. Never the manager's own. */
  readonly env: Readonly<Record<string, string>>;
  /** User to run as, with that user's groups; null: as the manager. Needs root. */
  readonly user: string | null;
  /** Connections that one worker serves at a time: 1, or K for a program that preforks K children behind one socket. */
  readonly lanesPerWorker: number;
  /** Whether each lane of a worker is a process of its own (php-cgi with PHP_FCGI_CHILDREN), which `probe` tells the pid of. */
  readonly preforks: boolean;
  /** The request that each new connection of a preforked lane begins with; null: the lane's process is the worker's. */
  readonly probe: LaneProbe | null;
  /** How long a probe may stay unanswered, in milliseconds. Absent: 5000. */
  readonly probeTimeoutMs?: number;
  /**
   * It answers GET_VALUES as soon as it can serve, so that while it is silent it is starting still. Absent: it may be one that
   * never answers, and is taken for ready when it has been silent for a while.
   */
  readonly answersValues?: boolean;
  /**
   * When a connection may serve another request: always; only after one that had no body (CVE-2026-129289, see facts of PHP); never.
   */
  readonly reuse: 'always' | 'bodiless' | 'never';
  /**
   * The signal on which a process finishes its request and then leaves; PHP and libfcgi take SIGUSR1 so. On SIGTERM most
   * leave at once. Absent: the program knows none, and SIGTERM is sent.
   */
  readonly leaveSignal?: NodeJS.Signals;
  /**
   * KILL: it gets SIGKILL when whoever started it dies, since one that is busy in a loop of its own hears nothing else. Absent: SIGTERM, which
   * the parent of preforked children passes on to them.
   */
  readonly deathSignal?: 'KILL';
  /** How the launcher calls it, which starts it in place of this process. Absent: this process does. */
  readonly launchKey?: string;
  /** What runs, in words, for the status page: "php-cgi 8.2.36 (/usr/bin/php-cgi)". Absent: its command. */
  readonly title?: string;
}

/**
 * The umask of programs, whoever starts Postern from whatever shell: that of services. For a process that does nothing but serve, since Node
 * starts programs with its own; what Postern writes itself names its modes.
 */
export const programUmask = 0o022;
/** Where PATH leads in the environment of a program; a pool's `env` may say otherwise. */
export const programPath =
  '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' +
  (process.platform === 'darwin' ? ':/opt/homebrew/bin:/opt/homebrew/sbin' : '');

/** What stands before the pid in the answer to a probe, where other text may stand around it. */
export const pidMark = 'postern-pid:';

/** A request whose answer's body holds the pid of the process that answered, in decimal: alone, or after `pidMark`. */
export interface LaneProbe {
  /** CGI variables of the request; byte strings. */
  readonly environment: Readonly<Record<string, string>>;
}
