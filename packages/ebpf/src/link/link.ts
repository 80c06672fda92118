/** What all attachments have in common, and those that the kernel keeps as a bpf_link. */
import { readlinkSync } from 'node:fs';
import { EbpfError } from '../errors.js';
import type { Program } from '../program/program.js';
import { Attr, bpf } from '../sys/bpf.js';
import { Command } from '../sys/constants.js';
import { Fd } from '../sys/fd.js';

/** An attachment of a program. Disposing of it detaches the program; doing so again has no effect. */
export interface Link extends Disposable {
  /** What it is attached to, in words: `raw_tracepoint`, `kprobe`, `xdp` … */
  readonly kind: string;
  /** Keeps the attachment beyond this process, by a path in a BPF file system (bpf_link only). */
  pin?(path: string): void;
  /** Puts another program of the same type in the place of this one without a moment of neither (where supported). */
  update?(program: Program): void;
}

/** Creates a bpf_link (5.7). @throws SyscallError */
export function createLink(
  program: Program,
  target: number,
  attachType: number,
  fill: (attr: Attr) => void = () => {},
  advice?: (errno: number) => string | undefined,
): Fd {
  const attr = new Attr(64).u32(0, program.fd).u32(4, target).u32(8, attachType);
  fill(attr);
  return new Fd(bpf(Command.linkCreate, attr, advice));
}

/** struct bpf_link_info of include/uapi/linux/bpf.h. */
export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  /** For XDP: the device, 0 once that is gone. */
  readonly ifindex: number;
}

const infoSize = 64;

/** An attachment that ends when its descriptor is closed, and can be pinned. */
export class FdLink implements Link {
  readonly kind: string;
  readonly #fd: Fd;

  constructor(kind: string, fd: Fd) {
    this.kind = kind;
    this.#fd = fd;
  }

  get fd(): number {
    return this.#fd.fd;
  }

  pin(path: string): void {
    bpf(Command.objPin, new Attr(16).string(0, path).u32(8, this.fd), () => path);
  }

  /** What the kernel tells about the link (5.8). */
  info(): LinkInfo {
    const info = new Attr(infoSize);
    bpf(Command.objGetInfoByFd, new Attr(16).u32(0, this.fd).u32(4, infoSize).pointer(8, info.bytes));
    return { id: info.getU32(4), programId: info.getU32(8), ifindex: info.getU32(16) };
  }

  /** Detaches the program now, even if pins or other processes hold the link (5.9). */
  detach(): void {
    bpf(Command.linkDetach, new Attr(8).u32(0, this.fd));
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** A bpf_link whose program can be replaced: cgroup, XDP, network namespace, tcx, iterator. */
export class UpdatableLink extends FdLink {
  update(program: Program): void {
    bpf(Command.linkUpdate, new Attr(16).u32(0, this.fd).u32(4, program.fd));
  }
}

/**
 * Opens a link that was pinned to a path in a BPF file system (5.7).
 * @throws SyscallError; EbpfError if something else is pinned there.
 */
export function openPinnedLink(path: string): UpdatableLink {
  const fd = new Fd(bpf(Command.objGet, new Attr(16).string(0, path), () => path));
  const kind = readlinkSync(`/proc/self/fd/${fd.fd}`);
  if (kind === 'anon_inode:bpf_link' || kind === 'anon_inode:bpf-link')
    return new UpdatableLink('pinned', fd);
  fd[Symbol.dispose]();
  throw new EbpfError(`${path} holds no link but ${kind}`);
}
