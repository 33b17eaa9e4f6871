// The probe of a preforked PHP worker: a script that answers the pid of the process it runs in, in a folder of its own.

import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock, type Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { isMarkDead, writeMark } from '../worker/orphans.ts';
import { type LaneProbe, pidMark } from '../worker/program.ts';

/** A probe script on disk; it is gone after `close()`, which is repeatable. */
export interface ProbeFile extends LaneProbe {
  readonly folder: string;
  /** A section of php.ini for the probe alone. */
  readonly section: string;
  close(): void;
}

// Hosts like to disable functions; `include` is none, and prints a file that holds no PHP. The pid is the file's first word. Each child
// takes out of its environment what only the parent had to know, for as long as it lives: what PHP sets in a request it takes back at the
// end of it, but of a name with a NUL it looks for another one then. Scripts, and what they start, are not to see it.
const script = `<?php
foreach (array('PHP_FCGI_CHILDREN', 'PHP_FCGI_MAX_REQUESTS') as $name) {
  try { @putenv("$name\\0"); } catch (\\Throwable $e) {}
}
$pid = 0;
try { $pid = @getmypid(); } catch (\\Throwable $e) {}
if (!$pid) { try { $pid = @posix_getpid(); } catch (\\Throwable $e) {} }
echo '${pidMark}';
if ($pid) echo $pid; else @include '/proc/self/stat';
`;

/**
 * What a php.ini, the configuration or a .user.ini may say for the sites must not happen to the probe: other files run around it, a
 * session begun at each connection, an answer without a header. A section of php.ini holds for scripts of one folder, above all of these.
 */
function settings(folder: string): string {
  return [
    `[PATH="${folder}"]`,
    'auto_prepend_file = none',
    'auto_append_file = none',
    'open_basedir =',
    `doc_root = "${folder}"`,
    'default_mimetype = "text/plain"',
    'default_charset = "UTF-8"',
    // The probe is written in ASCII, whatever the scripts of a site are written in.
    'zend.multibyte = 0',
    'session.auto_start = 0',
    'zlib.output_compression = 0',
    'output_handler =',
    'display_errors = 0',
    'log_errors = 0',
    '',
  ].join('\n');
}

/** Systems sweep temporary folders of what nobody touched for ten days; a pool lives longer. */
const touchPeriodMs = 3_600_000;
/** One that was not touched for so long was left behind, whatever else is known of who made it. */
const staleAfterMs = 4 * touchPeriodMs;
const prefix = 'postern-probe-';
/** Who keeps it: one whose manager has been killed goes with the next start. */
const markName = 'manager';

/**
 * Writes the probe script where every user may read it and nobody else write, and keeps it there until `close()`.
 * @param parent folder that is made for it when missing, or the system's temporary folder
 */
export function writeProbe(parent: string = tmpdir(), clock: Clock = systemClock): ProbeFile {
  const folder = makeFolder(parent);
  const path = join(folder, 'probe.php');
  const write = (): void => {
    mkdirSync(folder, { recursive: true });
    writeMark(join(folder, markName), process.pid);
    writeFileSync(path, script);
    chmodSync(path, 0o644);
    // The workers may run as another user than the one who writes.
    chmodSync(folder, 0o755);
  };
  write();
  const timer: Timer = clock.every(touchPeriodMs, () => touch([folder, path], write));
  return {
    folder,
    section: settings(folder),
    environment: probeEnvironment(folder),
    close() {
      timer.cancel();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @throws CONFIG_INVALID */
function makeFolder(parent: string): string {
  try {
    mkdirSync(parent, { recursive: true });
    sweep(parent);
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EACCES' ? `the user who serves (${process.getuid?.()}) may not write there` : message;
    throw new PosternError('CONFIG_INVALID', `no temporary folder can be made in ${parent} (TMPDIR): ${why}`, {
      cause,
    });
  }
}

/** One probe script for several pools: each opens it, and it is gone when the last of them has closed it. */
export class SharedProbe {
  readonly #parent: string | undefined;
  #file: ProbeFile | null = null;
  #openings = 0;

  /** @param parent as for `writeProbe` */
  constructor(parent?: string) {
    this.#parent = parent;
  }

  /** The script, for one pool; it is written where it is not there. */
  open(): ProbeFile {
    const file = this.#file ?? writeProbe(this.#parent);
    this.#file = file;
    this.#openings += 1;
    let isOpen = true;
    return {
      ...file,
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#openings -= 1;
        if (this.#openings > 0) return;
        this.#file = null;
        file.close();
      },
    };
  }
}

/** Removes our own folders that nobody keeps fresh any more. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(parent, name);
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (!status?.isDirectory() || status.uid !== process.getuid?.()) continue;
    const isLeft = isMarkDead(join(path, markName)) || Date.now() - status.mtimeMs > staleAfterMs;
    if (isLeft) rmSync(path, { recursive: true, force: true });
  }
}

function probeEnvironment(folder: string): LaneProbe['environment'] {
  const bytes = Buffer.from(folder).toString('latin1');
  return {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'postern',
    SERVER_PROTOCOL: 'HTTP/1.1',
    SERVER_NAME: 'localhost',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/probe.php',
    QUERY_STRING: '',
    SCRIPT_NAME: '/probe.php',
    SCRIPT_FILENAME: `${bytes}/probe.php`,
    DOCUMENT_ROOT: bytes,
    REDIRECT_STATUS: '200',
  };
}

function touch(paths: readonly string[], writeAgain: () => void): void {
  const now = new Date();
  try {
    for (const path of paths) utimesSync(path, now, now);
  } catch {
    writeAgain();
  }
}
