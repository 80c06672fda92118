/**
 * The one door to native code. Everything this library asks of the kernel passes through {@link Ffi}: a system call,
 * the address of a buffer, a view of mapped memory, and readiness of a descriptor. koffi provides it; being this small,
 * another foreign function interface can take its place.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { EbpfError } from '../errors.js';
import { requireLittleEndian } from '../machine.js';

/** An argument of a system call. Addresses fit a number, for user space ends below 2^53 on all supported machines. */
export type SyscallArgument = number | bigint;

/** Watches one epoll descriptor from Node's own event loop, without a thread. */
export interface PollHandle {
  /**
   * Calls `onReadable` from the event loop for as long as the descriptor is readable. Keeps the process alive, unless
   * {@link unref} was called.
   */
  start(onReadable: () => void): void;
  stop(): void;
  /** Does not keep the process alive from the next start on. */
  unref(): void;
  close(): void;
}

export interface Ffi {
  /** Calls syscall(2). Returns its result, or the negative errno. */
  syscall(
    number: number,
    a?: SyscallArgument,
    b?: SyscallArgument,
    c?: SyscallArgument,
    d?: SyscallArgument,
    e?: SyscallArgument,
    f?: SyscallArgument,
  ): number;
  /** As {@link syscall} for calls of three arguments: each argument that is not passed on saves time. */
  syscall3(number: number, a: SyscallArgument, b: SyscallArgument, c: SyscallArgument): number;
  /** Calls syscall(2) on another thread. Resolves to its result; -1 is a failure without the reason. */
  syscallOnThread(
    number: number,
    a: SyscallArgument,
    b: SyscallArgument,
    c: SyscallArgument,
    d?: SyscallArgument,
    e?: SyscallArgument,
  ): Promise<number>;
  /** The address of a buffer's first byte; 0 for an empty one. An address does not keep its buffer alive. */
  address(buffer: Uint8Array): number;
  /** A buffer over existing memory, without a copy. Touching it after the memory is gone kills the process. */
  view(address: number, length: number): ArrayBuffer;
  /** Calls mallopt(3). False where the C library has none, or refuses. */
  mallopt(parameter: number, value: number): boolean;
  /** A stopped handle for an epoll descriptor. Any other kind of descriptor may abort the process. */
  poll(epollFd: number): PollHandle;
}

interface KoffiFunction {
  (...args: SyscallArgument[]): number | bigint;
  /** The last argument is called with an error or the result. */
  async(...args: (SyscallArgument | ((error: unknown, result: number | bigint) => void))[]): void;
}

/** The part of koffi 3 that this library uses. */
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): KoffiFunction };
  errno(): number;
  address(buffer: Uint8Array): bigint;
  view(address: bigint, length: number): ArrayBuffer;
  node: { poll(fd: number, options: PollOptions, callback: () => void): KoffiPollHandle };
}

interface PollOptions {
  readable: boolean;
}

interface KoffiPollHandle {
  start(options: PollOptions, callback: () => void): void;
  stop(): void;
  unref(): void;
  close(): void;
}

let instance: Ffi | undefined;

/**
 * The foreign function interface, loaded at the first call (koffi takes about 10 ms, which a command that only prints
 * its help does not spend).
 *
 * @throws EbpfError when koffi's native library cannot be loaded, or the machine is big-endian.
 */
export function ffi(): Ffi {
  if (instance === undefined) {
    requireLittleEndian();
    instance = createFfi(loadKoffi());
  }
  return instance;
}

function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  try {
    return loadPrebuilt(require) ?? (require('koffi') as Koffi);
  } catch (cause) {
    const machine = `${process.platform}-${process.arch}, ${libcName()}`;
    throw new EbpfError(
      `the native library of koffi cannot be loaded (${machine}): ` +
        "koffi's prebuilt binaries are optional dependencies, which `npm install --omit=optional` " +
        'and a node_modules folder copied from another kind of machine leave out. ' +
        'Install again on this machine, with optional dependencies. ' +
        `Cause: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** Loaders of the musl C library by `process.arch`, where machines of other C libraries have none. */
const muslLoaders: Readonly<Partial<Record<string, string>>> = {
  x64: '/lib/ld-musl-x86_64.so.1',
  arm64: '/lib/ld-musl-aarch64.so.1',
};

/**
 * Loads koffi's binary itself. Its own way there goes through sources that have to be compiled, and through the program headers of
 * Node.js; what these add, this library does not use. Undefined where that way is needed.
 */
function loadPrebuilt(require: NodeJS.Require): Koffi | undefined {
  const { platform, arch } = process;
  const muslLoader = muslLoaders[arch];
  if (platform !== 'linux' || muslLoader === undefined || existsSync(muslLoader)) return undefined;
  try {
    const requireOfKoffi = createRequire(require.resolve('koffi'));
    return requireOfKoffi(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`) as Koffi;
  } catch {
    // Built on this machine, or missing.
    return undefined;
  }
}

/** The C library of this process, as far as it concerns the choice of a prebuilt binary. */
function libcName(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const version = report?.header?.glibcVersionRuntime;
  return version === undefined ? 'musl or another C library than glibc' : `glibc ${version}`;
}

function createFfi(koffi: Koffi): Ffi {
  // syscall(2) is variadic in C. On the supported machines a variadic integer argument travels as a fixed one does.
  const word = 'int64_t';
  const library = koffi.load(null);
  const syscall = library.func('syscall', word, [word, word, word, word, word, word, word]);
  const syscall3 = library.func('syscall', word, [word, word, word, word]);
  return {
    syscall(number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) {
      const result = Number(syscall(number, a, b, c, d, e, f));
      return result === -1 ? -koffi.errno() : result;
    },
    syscall3(number, a, b, c) {
      const result = Number(syscall3(number, a, b, c));
      return result === -1 ? -koffi.errno() : result;
    },
    syscallOnThread: (number, a, b, c, d = 0, e = 0) =>
      new Promise((resolve, reject) => {
        syscall.async(number, a, b, c, d, e, 0, (error, result) =>
          error === null || error === undefined ? resolve(Number(result)) : reject(error),
        );
      }),
    address: (buffer) => Number(koffi.address(buffer)),
    view: (address, length) => koffi.view(BigInt(address), length),
    mallopt(parameter, value) {
      try {
        return Number(library.func('mallopt', 'int', ['int', 'int'])(parameter, value)) === 1;
      } catch {
        // musl has none.
        return false;
      }
    },
    poll: (epollFd) => createPollHandle(koffi, epollFd),
  };
}

/** koffi collects a handle that nothing refers to, and polling then ends silently; these must outlive that. */
const livePollHandles = new Set<KoffiPollHandle>();

function createPollHandle(koffi: Koffi, epollFd: number): PollHandle {
  let handle: KoffiPollHandle | undefined;
  let keepsAlive = true;
  return {
    start(onReadable) {
      // Node 26 does not run microtasks after koffi's callback: whatever resolves promises must come from a phase of
      // Node's own.
      const callback = () => void setImmediate(onReadable);
      if (handle === undefined) {
        handle = koffi.node.poll(epollFd, { readable: true }, callback);
        livePollHandles.add(handle);
      } else {
        handle.start({ readable: true }, callback);
      }
      if (!keepsAlive) handle.unref();
    },
    unref() {
      keepsAlive = false;
    },
    stop() {
      handle?.stop();
    },
    close() {
      if (handle === undefined) return;
      handle.stop();
      handle.close();
      livePollHandles.delete(handle);
      handle = undefined;
    },
  };
}
