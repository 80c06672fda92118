/** Attachments of programs, and those that the kernel keeps as a bpf_link. */
import { readlinkSync } from 'node:fs';
import { EbpfError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { type AttrValues, attr, infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';

/** An attachment of a program. Disposing of it detaches the program; doing so again has no effect. */
export interface Link extends Disposable {
  /** The kind of thing it is attached to: `raw_tracepoint`, `kprobe`, `xdp` … */
  readonly kind: string;
  /** The descriptors that keep it attached, also after another process has taken duplicates; absent where it cannot be kept so. */
  readonly descriptors?: readonly number[];
  /**
   * Keeps the attachment beyond this process, by a path in a BPF file system (bpf_link only, 5.7).
   *
   * @throws SyscallError
   */
  pin?(path: string): void;
  /**
   * Puts another program of the same type in the place of this one without a moment of neither, where the
   * kind can.
   *
   * @throws SyscallError
   */
  update?(program: ProgramHandle): void;
}

/**
 * Creates a bpf_link (5.7).
 * @param target The place to attach to: a descriptor, or a network device's number.
 * @param more Further arguments that links of this kind take.
 * @throws SyscallError
 */
export function createLink(
  program: ProgramHandle,
  target: number,
  attachType: number,
  more: AttrValues<'linkCreate'> = {},
  advice?: (errno: number) => string | undefined,
): Fd {
  const values = { progFd: program.fd, targetFd: target, attachType, ...more };
  return new Fd(bpf(Command.linkCreate, attr('linkCreate', values), advice));
}

/** struct bpf_link_info of include/uapi/linux/bpf.h. */
export interface LinkInfo {
  /** Unique among the links that exist. */
  readonly id: number;
  readonly programId: number;
  /** For XDP: the device, 0 once that is gone. */
  readonly ifindex: number;
}

/** An attachment that ends when its descriptor is closed, and can be pinned. */
export class FdLink implements Link {
  readonly kind: string;
  readonly #fd: Fd;

  /** Takes over the descriptor of a link of the given kind. */
  constructor(kind: string, fd: Fd) {
    this.kind = kind;
    this.#fd = fd;
  }

  /** The descriptor's number; it stays this link's. */
  get fd(): number {
    return this.#fd.fd;
  }

  get descriptors(): readonly number[] {
    return [this.fd];
  }

  pin(path: string): void {
    bpf(Command.objPin, attr('obj', { pathname: path, bpfFd: this.fd }), () => path);
  }

  /** The kernel's account of the link (5.8). @throws SyscallError; EbpfError once disposed of. */
  info(): LinkInfo {
    const info = kernelStruct('linkInfo');
    bpf(Command.objGetInfoByFd, infoAttr(this.fd, info));
    return { id: info.get('id'), programId: info.get('progId'), ifindex: info.get('xdp').ifindex };
  }

  /** Detaches the program now, even if pins or other processes hold the link (5.9). @throws SyscallError */
  detach(): void {
    bpf(Command.linkDetach, attr('linkDetach', { linkFd: this.fd }));
  }

  /** Closes the descriptor; the program is detached unless the link is pinned. */
  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** A bpf_link whose program can be replaced: cgroup, XDP, network namespace, tcx, iterator. */
export class UpdatableLink extends FdLink {
  /**
   * Replaces the attached program by another of the same type, with no moment without one. Since Linux 5.7.
   * @throws SyscallError
   */
  update(program: ProgramHandle): void {
    bpf(Command.linkUpdate, attr('linkUpdate', { linkFd: this.fd, newProgFd: program.fd }));
  }
}

/**
 * Opens a link that was pinned to a path in a BPF file system (5.7).
 * @throws SyscallError; EbpfError if something else is pinned there.
 */
export function openPinnedLink(path: string): UpdatableLink {
  const fd = new Fd(bpf(Command.objGet, attr('obj', { pathname: path }), () => path));
  const kind = readlinkSync(`/proc/self/fd/${fd.fd}`);
  if (kind === 'anon_inode:bpf_link' || kind === 'anon_inode:bpf-link')
    return new UpdatableLink('pinned', fd);
  fd[Symbol.dispose]();
  throw new EbpfError(`${path} holds no link but ${kind}`);
}

/** An attachment that other descriptors keep, by duplicates of them. */
export class HeldLink implements Link {
  readonly kind: string;
  readonly #fds: readonly Fd[];

  /** Takes over the duplicates. @param kind That of the link. */
  constructor(kind: string, fds: readonly Fd[]) {
    this.kind = kind;
    this.#fds = fds;
  }

  get descriptors(): readonly number[] {
    return this.#fds.map(({ fd }) => fd);
  }

  /** Closes them; the program is detached once nobody has others. */
  [Symbol.dispose](): void {
    for (const fd of this.#fds) fd[Symbol.dispose]();
  }
}
