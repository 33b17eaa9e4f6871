// One PHP in WebAssembly: loaded from a module that is compiled once, and loaded anew when it has gone bad.

import { readFile } from 'node:fs/promises';
import { getPHPLoaderModule } from '@php-wasm/node-8-4';
import { loadPHPRuntime, PHP, type PHPRunOptions, type StreamedPHPResponse } from '@php-wasm/universal';
import { userSpace } from './file-lock-calls.ts';
import type { LockTable } from './lock-table.ts';
import { readAll } from './php-exchange.ts';
import { mountHostFiles, phpIniPath } from './php-files.ts';
import { prelude, preludePath } from './prelude.ts';

/** How to set one up. */
export interface InterpreterOptions {
  /** Text of php.ini. @param more lines that .user.ini files add */
  readonly ini: (more: readonly string[]) => string;
  /** Functions that the site has disabled. */
  readonly disabled: readonly string[];
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly locks: LockTable;
}

/** Above this the memory of an instance, which never shrinks, is given back by loading another. It begins with 64 MiB. */
const maxMemoryBytes = 512 * 1024 * 1024;

/** What the build puts into the environment by itself; none of it is true here. */
const builtInVariables = {
  USER: undefined,
  LOGNAME: undefined,
  PWD: undefined,
  HOME: undefined,
  LANG: undefined,
  _: undefined,
};

/** PHP_INI_PERDIR is 2, PHP_INI_USER 1. */
const askReserved = {
  code: '<?php echo implode(",", array_keys(array_filter(ini_get_all(), fn ($one) => !($one["access"] & 3))));',
  relativeUri: '/',
  method: 'GET',
  headers: {},
  $_SERVER: {},
};

/** PHP, one request at a time. */
export class Interpreter {
  readonly #options: InterpreterOptions;
  #module: Promise<WebAssembly.Module> | null = null;
  #php: Promise<PHP> | null = null;
  /** What .user.ini files added to php.ini of the one that is loaded. */
  #added: readonly string[] = [];
  /** Settings that only php.ini may have; null: not asked yet. */
  #reserved: ReadonlySet<string> | null = null;
  #memory: (() => number) | null = null;

  constructor(options: InterpreterOptions) {
    this.#options = options;
  }

  /** Loads PHP, so that the first request finds it there. */
  async load(): Promise<void> {
    this.#php ??= this.#start();
    await this.#php;
  }

  /**
   * Runs one script, in its own folder; the caller waits for the end of one before it runs the next.
   * @param userIni lines of .user.ini files: PHP reads its settings when it is loaded, so others than before load it anew
   */
  async run(options: PHPRunOptions, folder: string, userIni: readonly string[]): Promise<StreamedPHPResponse> {
    await this.load();
    const lines = userIni.length === 0 ? userIni : await this.#allowed(userIni);
    if (lines.join('\n') !== this.#added.join('\n')) {
      this.forget();
      this.#added = lines;
      await this.load();
    }
    const php = await this.#php!;
    php.chdir(folder);
    return php.runStream(options);
  }

  /** Without the settings that are php.ini's alone. */
  async #allowed(lines: readonly string[]): Promise<readonly string[]> {
    if (this.#reserved === null) {
      const php = await this.#php!;
      const { stdout } = await php.runStream({ ...askReserved, scriptPath: '' });
      this.#reserved = new Set((await readAll(stdout)).toString().split(','));
    }
    const reserved = this.#reserved;
    return lines.filter((line) => !reserved.has(/^\s*([\w.-]+)/.exec(line)![1]!));
  }

  /** To be called between requests: forgets an instance that is too large. */
  trim(): void {
    if ((this.#memory?.() ?? 0) > maxMemoryBytes) this.forget();
  }

  /** Forgets the instance, as after a crash of it; the next request gets a new one. */
  forget(): void {
    const php = this.#php;
    this.#php = null;
    this.#memory = null;
    php?.then(
      (instance) => instance.exit(),
      () => {},
    );
  }

  async #start(): Promise<PHP> {
    const loader = await getPHPLoaderModule();
    this.#module ??= readFile(loader.dependencyFilename).then((bytes) => WebAssembly.compile(bytes));
    const module = await this.#module;
    const id = await loadPHPRuntime(loader, {
      // What getmypid() says.
      processId: process.pid,
      ENV: { ...builtInVariables, ...this.#options.env },
      bindUserSpace: (context) => userSpace(this.#options.locks, context),
      // exit() in a script must not end this process.
      quit: (_status: number, thrown: unknown) => {
        throw thrown;
      },
      instantiateWasm: (imports, receive) => {
        WebAssembly.instantiate(module, imports).then((instance) => receive(instance, module));
        return {};
      },
      onRuntimeInitialized: (runtime) => {
        runtime.FS.mkdir('/internal/opcache');
        runtime.FS.writeFile(phpIniPath, this.#options.ini(this.#added));
        runtime.FS.writeFile(preludePath, prelude(this.#options.env, this.#options.disabled));
        this.#memory = () => runtime.HEAPU8.byteLength;
      },
    });
    const php = new PHP(id);
    // As php-cgi calls itself: applications look at it to tell a web server from a command line.
    await php.setSapiName('cgi-fcgi');
    await mountHostFiles(php);
    return php;
  }
}
