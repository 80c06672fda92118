/** BPF iterators (5.8): a program that runs for each of the kernel's objects of a kind and writes what is then read. */
import { closeSync, readSync } from 'node:fs';
import { SyscallError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { attr, kernelStruct } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import type { Fd } from '../sys/fd.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { ProgramType } from '../uapi/program-types.js';
import { createLink, UpdatableLink } from './link.js';
import { requireType } from './program-kind.js';

/** The objects to iterate over, where the kind of iterator has a choice (union bpf_iter_link_info). */
export interface IteratorOptions {
  /** The descriptor of a map, whose elements are walked. */
  readonly mapFd?: number;
  /** Only this thread (6.1). At most one of `tid`, `pid` and `pidFd` is given. */
  readonly tid?: number;
  /** Only this process (6.1). */
  readonly pid?: number;
  /** Only the process of this pidfd (6.1). */
  readonly pidFd?: number;
  /** The descriptor of a cgroup, from which cgroups are walked in `order` (6.1). */
  readonly cgroupFd?: number;
  /** BPF_CGROUP_ITER_*: 1 itself only, 2 descendants before it, 3 after it, 4 its ancestors. Default 1. */
  readonly order?: number;
}

/** An attached iterator (5.8). Every read walks the objects anew. */
export class IteratorLink extends UpdatableLink {
  /** Takes over the descriptor of an iterator's link. */
  constructor(fd: Fd) {
    super('iter', fd);
  }

  /**
   * Walks all objects.
   * @param chunkSize Bytes asked for at a time; a single object's output must fit the kernel's own 8 pages.
   * @returns All bytes that the program wrote.
   * @throws SyscallError
   */
  read(chunkSize = 65_536): Uint8Array {
    const fd = bpf(Command.iterCreate, attr('iterCreate', { linkFd: this.fd }));
    try {
      const chunks: Uint8Array[] = [];
      const buffer = Buffer.allocUnsafe(chunkSize);
      for (;;) {
        const count = readRetrying(fd, buffer, 0);
        if (count === 0) return Buffer.concat(chunks);
        chunks.push(Uint8Array.prototype.slice.call(buffer, 0, count));
      }
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Walks all objects without holding all that is written for them.
   * @param size Bytes that the program writes for an object, always as many.
   * @param onRecord Gets memory that is valid during the call, and where in it the object's bytes begin.
   * @throws SyscallError
   */
  forEachRecord(size: number, onRecord: (view: DataView, offset: number) => void): void {
    const fd = bpf(Command.iterCreate, attr('iterCreate', { linkFd: this.fd }));
    try {
      const buffer = Buffer.allocUnsafeSlow(Math.max(65_536, size));
      const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
      let kept = 0;
      for (;;) {
        const count = readRetrying(fd, buffer, kept);
        if (count === 0) return;
        const end = kept + count;
        let at = 0;
        for (; at + size <= end; at += size) onRecord(view, at);
        buffer.copyWithin(0, at, end);
        kept = end - at;
      }
    } finally {
      closeSync(fd);
    }
  }
}

/** The kernel says EAGAIN after a million objects for which nothing was written, to let the reader breathe. */
function readRetrying(fd: number, buffer: Buffer, offset: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, offset, buffer.length - offset, null);
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EINTR') continue;
      throw errno === undefined ? error : new SyscallError('read of an iterator', Math.abs(errno));
    }
  }
}

/**
 * Attaches an iterator program to the kind of objects it was loaded for (5.8).
 * @throws SyscallError
 */
export function attachIterator(program: ProgramHandle, options: IteratorOptions = {}): IteratorLink {
  requireType(program, 'attachIterator', ProgramType.tracing);
  const info = linkInfo(options);
  const more = info === undefined ? {} : { iterInfo: info, iterInfoLen: info.length };
  const fd = createLink(program, 0, AttachType.traceIter, more);
  return new IteratorLink(fd);
}

function linkInfo(options: IteratorOptions): Uint8Array | undefined {
  const { mapFd, tid, pid, pidFd, cgroupFd, order } = options;
  const info = kernelStruct('iterLinkInfo');
  if (mapFd !== undefined) info.set({ map: { mapFd } });
  else if (cgroupFd !== undefined) info.set({ cgroup: { order: order ?? 1, cgroupFd } });
  else if (tid !== undefined || pid !== undefined || pidFd !== undefined)
    info.set({ task: { tid, pid, pidFd } });
  else return undefined;
  return info.bytes;
}
