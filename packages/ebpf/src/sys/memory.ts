/** Memory mapped from a descriptor. */
import { SyscallError } from '../errors.js';
import { ffi } from './ffi.js';
import { syscall, syscallRaw } from './syscalls.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_FIXED_NOREPLACE = 0x10_0000;

let knownPageSize: number | undefined;

/**
 * The size of a page in bytes: 4096, or 16384 or 65536 on some arm64 kernels. Found by asking which address munmap
 * takes as aligned, since procfs hides the auxiliary vector from a process that got its capabilities from a file.
 */
export function pageSize(): number {
  knownPageSize ??= process.arch === 'x64' ? 4096 : findPageSize();
  return knownPageSize;
}

function findPageSize(): number {
  const largest = 65_536;
  const length = 2 * largest;
  const range = syscall('mmap', 0, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  try {
    for (let size = 4096; size < largest; size *= 2) {
      if (syscallRaw('munmap', range + size, size) === 0) return size;
    }
    return largest;
  } finally {
    syscall('munmap', range, length);
  }
}

/**
 * A shared mapping of a descriptor's memory.
 *
 * Disposing of it gives the kernel's object free but keeps the range of addresses, covered with anonymous memory that
 * reads as zeros: a view that somebody still holds, even in another worker, then reads zeros instead of killing the
 * process. Such a range costs address space, not memory.
 */
export class Mapping implements Disposable {
  readonly address: number;
  readonly length: number;
  /** The mapped memory. Writing to a mapping that was not made writable kills the process. */
  readonly buffer: ArrayBuffer;
  #disposed = false;

  /**
   * @param options `length`: bytes, a multiple of the page size; `address`: where it has to lie.
   * @throws SyscallError: EEXIST if something lies at the address.
   */
  constructor(
    fd: number,
    options: { length: number; offset?: number; address?: number; writable: boolean; what: string },
  ) {
    const { length, offset = 0, address } = options;
    const protection = options.writable ? PROT_READ | PROT_WRITE : PROT_READ;
    const flags = address === undefined ? MAP_SHARED : MAP_SHARED | MAP_FIXED_NOREPLACE;
    const result = syscallRaw('mmap', address ?? 0, length, protection, flags, fd, offset);
    if (result < 0) throw new SyscallError(`mmap of ${options.what}`, -result);
    this.address = result;
    this.length = options.length;
    this.buffer = ffi().view(result, options.length);
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    const result = syscallRaw('mmap', this.address, this.length, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (result < 0) throw new SyscallError('mmap of the cover of a disposed mapping', -result);
  }
}

/**
 * A range of addresses that shows one part of a descriptor's memory after another. The parts that it does not show read as
 * zeros.
 */
export class MovableMapping {
  readonly address: number;
  readonly length: number;
  readonly buffer: ArrayBuffer;

  /** @param length bytes, a multiple of the page size. @throws SyscallError */
  constructor(length: number) {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const result = syscallRaw('mmap', 0, length, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (result < 0) throw new SyscallError('mmap of a range of addresses', -result);
    this.address = result;
    this.length = length;
    this.buffer = ffi().view(result, length);
  }

  /** Shows memory of a descriptor, writable. @param length at most the range's. @throws SyscallError */
  show(fd: number, offset: number, length: number, what: string): void {
    const result = syscallRaw(
      'mmap',
      this.address,
      length,
      PROT_READ | PROT_WRITE,
      MAP_SHARED | MAP_FIXED,
      fd,
      offset,
    );
    if (result < 0) throw new SyscallError(`mmap of ${what}`, -result);
  }

  /** Shows zeros. @throws SyscallError */
  cover(): void {
    const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    const result = syscallRaw('mmap', this.address, this.length, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (result < 0) throw new SyscallError('mmap of the cover of a range of addresses', -result);
  }
}
