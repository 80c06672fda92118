/** BPF tokens (6.9): what the owner of a BPF file system delegates to a user namespace. */
import { closeSync, constants as fileConstants, openSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { FormatError } from '../errors.js';
import { Command } from '../uapi/commands.js';
import { attr } from './attr.js';
import { bpf } from './bpf.js';
import { Fd } from './fd.js';
import { setToken } from './token-in-use.js';

/** What a token allows, each as the kernel's numbers or `any`. */
export interface BpfDelegation {
  /** BPF_MAP_CREATE (0), BPF_PROG_LOAD (5), BPF_BTF_LOAD (18) … */
  readonly commands: 'any' | readonly number[];
  /** BPF_MAP_TYPE_*. */
  readonly mapTypes: 'any' | readonly number[];
  /** BPF_PROG_TYPE_*. */
  readonly programTypes: 'any' | readonly number[];
  /** The expected attach types of programs. */
  readonly attachTypes: 'any' | readonly number[];
}

/**
 * A BPF token (6.9): lets a process that is privileged in its user namespace only, as in a rootless container, create maps and load programs and
 * types, as far as the mount options of a BPF file system delegate that (`delegate_cmds`, `delegate_maps`, `delegate_progs`, `delegate_attachs`).
 *
 * The file system is of the process's own user namespace; a process that is privileged outside, such as the container's manager, has set its
 * options. The process still needs CAP_BPF in its namespace, CAP_PERFMON for programs that trace and CAP_NET_ADMIN for those on packets.
 */
export class BpfToken implements Disposable {
  readonly #fd: Fd;
  readonly #uses: Disposable[] = [];

  /** Takes ownership of a token's descriptor, as of one that a manager has passed. */
  constructor(fd: Fd) {
    this.#fd = fd;
  }

  /**
   * Creates a token (6.9).
   *
   * @param bpffs Where the BPF file system is mounted, or an open descriptor of that folder.
   * @throws SyscallError, with what is missing; the file system's error if the folder cannot be opened.
   */
  static create(bpffs: string | number = '/sys/fs/bpf'): BpfToken {
    const folder =
      typeof bpffs === 'number'
        ? undefined
        : openSync(bpffs, fileConstants.O_RDONLY | fileConstants.O_DIRECTORY);
    try {
      const values = { bpffsFd: folder ?? (bpffs as number) };
      const place = typeof bpffs === 'number' ? `descriptor ${bpffs}` : bpffs;
      const fd = bpf(Command.tokenCreate, attr('tokenCreate', values), (errno) => explain(errno, place));
      return new BpfToken(new Fd(fd));
    } finally {
      if (folder !== undefined) closeSync(folder);
    }
  }

  /** The open descriptor. @throws EbpfError once disposed of. */
  get fd(): number {
    return this.#fd.fd;
  }

  /** What it allows. @throws FormatError where the kernel does not show it as expected; the file system's error without procfs. */
  delegated(): BpfDelegation {
    return parseDelegation(readFileSync(`/proc/self/fdinfo/${this.fd}`, 'utf8'));
  }

  /**
   * From now on, all maps of this process are created by it and all programs and types are loaded by it, until what is returned or the token is
   * disposed of. Features of the kernel are asked for by it, too.
   */
  use(): Disposable {
    const use = setToken(this.fd);
    this.#uses.push(use);
    return use;
  }

  /** Closes the descriptor, and ends its use. What was made by it stays. */
  [Symbol.dispose](): void {
    for (const use of this.#uses.splice(0).reverse()) use[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}

/** What a token's fdinfo says. @throws FormatError */
export function parseDelegation(fdinfo: string): BpfDelegation {
  const of = (name: string): 'any' | readonly number[] => {
    const text = new RegExp(`^allowed_${name}:\\s*(any|0x[0-9a-f]+)$`, 'm').exec(fdinfo)?.[1];
    if (text === undefined) throw new FormatError(`the descriptor of a BPF token shows no allowed_${name}`);
    return text === 'any' ? text : bitsOf(BigInt(text));
  };
  return {
    ...{ commands: of('cmds'), mapTypes: of('maps') },
    ...{ programTypes: of('progs'), attachTypes: of('attachs') },
  };
}

function bitsOf(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((mask >> BigInt(bit)) & 1n) !== 0n);
}

function explain(errno: number, place: string): string | undefined {
  switch (errno) {
    case constants.errno.EOPNOTSUPP:
      return `${place} belongs to the initial user namespace, whose processes need no token`;
    case constants.errno.ENOENT:
      return `${place} delegates nothing: its manager sets delegate_cmds, delegate_maps, delegate_progs and delegate_attachs`;
    case constants.errno.EPERM:
      return `${place} has to be of this process's own user namespace, in which it has CAP_BPF`;
    case constants.errno.EINVAL:
      return `${place} has to be where a BPF file system is mounted`;
    case constants.errno.EBADF:
      return `${place} has to be opened for reading, not with O_PATH as fsmount(2) does`;
    default:
      return place;
  }
}
