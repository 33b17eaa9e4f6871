// One PHP in WebAssembly: loaded from a module that is compiled once, and loaded anew when it has gone bad.

import { readFile } from 'node:fs/promises';
import { getPHPLoaderModule } from '@php-wasm/node-8-4';
import { loadPHPRuntime, PHP, type PHPRunOptions, type StreamedPHPResponse } from '@php-wasm/universal';
import { userSpace } from './file-lock-calls.ts';
import type { LockTable } from './lock-table.ts';
import { mountHostFiles, phpIniPath } from './php-files.ts';

/** How to set one up. */
export interface InterpreterOptions {
  /** Text of php.ini. */
  readonly ini: string;
  /** What getenv() sees. */
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

/** PHP, one request at a time. */
export class Interpreter {
  readonly #options: InterpreterOptions;
  #module: Promise<WebAssembly.Module> | null = null;
  #php: Promise<PHP> | null = null;
  #memory: (() => number) | null = null;

  constructor(options: InterpreterOptions) {
    this.#options = options;
  }

  /** Loads PHP, so that the first request finds it there. */
  async load(): Promise<void> {
    this.#php ??= this.#start();
    await this.#php;
  }

  /** Runs one script, in its own folder; the caller waits for the end of one before it runs the next. */
  async run(options: PHPRunOptions, folder: string): Promise<StreamedPHPResponse> {
    await this.load();
    const php = await this.#php!;
    php.chdir(folder);
    return php.runStream(options);
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
        runtime.FS.writeFile(phpIniPath, this.#options.ini);
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
