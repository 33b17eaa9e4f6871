// What is used of the @php-wasm packages, whose own declarations cannot be read by Node's module resolution; and of WebAssembly.

declare module '@php-wasm/universal' {
  /** What the Emscripten runtime is set up with. */
  interface RuntimeOptions {
    readonly processId: number;
    /** undefined: the variable is taken out. */
    readonly ENV: Readonly<Record<string, string | undefined>>;
    quit(status: number, thrown: unknown): void;
    instantiateWasm(
      imports: WebAssembly.Imports,
      receive: (instance: WebAssembly.Instance, module: WebAssembly.Module) => void,
    ): object;
    onRuntimeInitialized(runtime: Runtime): void;
    bindUserSpace(context: UserSpaceContext): UserSpace;
  }

  /** A view of PHP's memory, by index. */
  interface MemoryView<Value> {
    get(index: number): Value;
    set(index: number, value: Value): void;
  }

  /** What the build tells those who make its system calls. */
  interface UserSpaceContext {
    readonly constants: Readonly<
      Record<
        | 'F_GETLK'
        | 'F_SETLK'
        | 'F_SETLKW'
        | 'F_RDLCK'
        | 'F_WRLCK'
        | 'F_UNLCK'
        | 'LOCK_SH'
        | 'LOCK_EX'
        | 'LOCK_NB'
        | 'LOCK_UN'
        | 'SEEK_SET'
        | 'SEEK_CUR'
        | 'SEEK_END',
        number
      >
    >;
    readonly errnoCodes: Readonly<Record<'EINVAL' | 'EAGAIN' | 'EWOULDBLOCK', number>>;
    readonly memory: {
      readonly HEAP16: MemoryView<number>;
      readonly HEAP32: MemoryView<number>;
      readonly HEAP64: MemoryView<bigint>;
    };
    readonly wasmImports: {
      builtin_fcntl64(fd: number, command: number, parameters: number): number;
      builtin_fd_close(fd: number): number;
    };
    /** `nfd` is the descriptor of this process, for files of the host. */
    readonly syscalls: { getStreamFromFD(fd: number): { readonly nfd?: number } };
    readonly FS: { llseek(stream: object, offset: number, whence: number): number };
  }

  interface UserSpace {
    flock(fd: number, operation: number): number;
    fcntl64(fd: number, command: number, parameters?: number): number;
    fd_close(fd: number): number;
    js_release_file_locks(): void;
    gethostbyname(name: string): Promise<string>;
  }

  /** Emscripten's file system. */
  interface FileSystem {
    readonly filesystems: { readonly NODEFS: object };
    mkdir(path: string): void;
    writeFile(path: string, text: string): void;
    mount(type: object, options: { readonly root: string }, point: string): void;
    unmount(point: string): void;
  }

  interface Runtime {
    readonly FS: FileSystem;
    readonly HEAPU8: Uint8Array;
  }

  interface PHPRunOptions {
    readonly scriptPath: string;
    /** Runs this in place of a file. */
    readonly code?: string;
    readonly relativeUri: string;
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Uint8Array;
    readonly $_SERVER: Readonly<Record<string, string>>;
  }

  interface StreamedPHPResponse {
    readonly stdout: ReadableStream<Uint8Array>;
    readonly stderr: ReadableStream<Uint8Array>;
    readonly exitCode: Promise<number>;
    getHeadersStream(): ReadableStream<Uint8Array>;
  }

  interface LoaderModule {
    /** Path of the .wasm file. */
    readonly dependencyFilename: string;
  }

  function loadPHPRuntime(loader: LoaderModule, options: RuntimeOptions): Promise<number>;

  class PHP {
    constructor(runtimeId: number);
    setSapiName(name: string): Promise<void>;
    fileExists(path: string): boolean;
    mkdir(path: string): void;
    chdir(path: string): void;
    mount(point: string, handler: (php: PHP, files: FileSystem, point: string) => () => void): Promise<unknown>;
    runStream(options: PHPRunOptions): Promise<StreamedPHPResponse>;
    exit(code?: number): void;
  }
}

declare module '@php-wasm/node-8-4' {
  export function getPHPLoaderModule(): Promise<import('@php-wasm/universal').LoaderModule>;
}

declare namespace WebAssembly {
  type Imports = object;
  type Instance = object;
  type Module = object;
  function compile(bytes: Uint8Array): Promise<Module>;
  function instantiate(module: Module, imports: Imports): Promise<Instance>;
}
