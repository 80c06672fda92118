/** Attachments of programs, and those that the kernel keeps as a bpf_link. */
import { readlinkSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { EbpfError } from '../errors.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { type AttrValues, attr } from '../sys/attr.js';
import { bpf, bpfError, bpfRaw } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';
import { AttachFlag } from '../uapi/flags.js';
import { LinkType } from '../uapi/link-types.js';
import { type LinkInfo, readLinkInfo } from './link-info.js';

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

/** An attachment that ends when its descriptor is closed, and can be pinned. */
export class FdLink implements Link {
  readonly kind: string;
  readonly #fd: Fd;
  readonly #pins: Set<string>;

  /** Takes over the descriptor of a link of the given kind. @param pins Paths by which it is pinned. */
  constructor(kind: string, fd: Fd, pins: readonly string[] = []) {
    this.kind = kind;
    this.#fd = fd;
    this.#pins = new Set(pins);
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
    this.#pins.add(path);
  }

  /**
   * Removes the pins that were made by this object, or by which it was opened: the link ends with its last descriptor again.
   *
   * @throws the file system's error for a pin that cannot be removed; none for one that is gone.
   */
  unpin(): void {
    for (const path of this.#pins) {
      rmSync(path, { force: true });
      this.#pins.delete(path);
    }
  }

  /** The kernel's account of the link (5.8). @throws SyscallError; EbpfError once disposed of. */
  info(): LinkInfo {
    return readLinkInfo(this.fd);
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

/** A bpf_link whose program can be replaced: cgroup, XDP, network namespace, tcx, netkit, sockmap, iterator. */
export class UpdatableLink extends FdLink {
  /**
   * Replaces the attached program by another of the same type, with no moment without one. Since Linux 5.7.
   * @param expected The program that must be attached now, where the kind of link knows it: else EPERM (EINVAL for kinds that do not).
   * @throws SyscallError
   */
  update(program: ProgramHandle, expected?: ProgramHandle): void {
    const old = expected === undefined ? {} : { flags: AttachFlag.replace, oldProgFd: expected.fd };
    const values = { linkFd: this.fd, newProgFd: program.fd, ...old };
    bpf(Command.linkUpdate, attr('linkUpdate', values), (errno) =>
      errno === constants.errno.EPERM && expected !== undefined
        ? `program ${expected.name} is not the one that is attached`
        : undefined,
    );
  }
}

/** Kinds of links, and whether their program can be replaced. */
const kindsByType: ReadonlyMap<number, readonly [kind: string, isUpdatable: boolean]> = new Map([
  [LinkType.rawTracepoint, ['raw_tracepoint', false]],
  [LinkType.tracing, ['tracing', false]],
  [LinkType.cgroup, ['cgroup', true]],
  [LinkType.iter, ['iter', true]],
  [LinkType.netns, ['netns', true]],
  [LinkType.xdp, ['xdp', true]],
  [LinkType.perfEvent, ['perf_event', false]],
  [LinkType.kprobeMulti, ['kprobe_multi', false]],
  [LinkType.structOps, ['struct_ops', false]],
  [LinkType.netfilter, ['netfilter', false]],
  [LinkType.tcx, ['tcx', true]],
  [LinkType.uprobeMulti, ['uprobe_multi', false]],
  [LinkType.netkit, ['netkit', true]],
  [LinkType.sockmap, ['sockmap', true]],
]);

/**
 * Opens the link with an id (5.8). Needs CAP_SYS_ADMIN. It is an {@link UpdatableLink} where its kind allows to replace the program.
 * @returns undefined if there is none.
 * @throws SyscallError
 */
export function linkFromId(id: number): FdLink | undefined {
  const result = bpfRaw(Command.linkGetFdById, attr('getId', { linkId: id }));
  if (result === -constants.errno.ENOENT) return undefined;
  if (result < 0) throw bpfError(Command.linkGetFdById, -result, `link ${id}`, ['CAP_SYS_ADMIN']);
  const fd = new Fd(result);
  try {
    const [kind, isUpdatable] = kindsByType.get(readLinkInfo(fd.fd).type) ?? ['link', false];
    return isUpdatable ? new UpdatableLink(kind, fd) : new FdLink(kind, fd);
  } catch (error) {
    fd[Symbol.dispose]();
    throw error;
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
    return new UpdatableLink('pinned', fd, [path]);
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
