/** Programs on packets as a network device receives them: XDP. */
import { constants } from 'node:os';
import { SyscallError } from '../errors.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import type { ProgramHandle } from '../program/program-handle.js';
import { NetlinkProtocol, NetlinkSocket } from '../sys/netlink.js';
import { decodeAttributes, NetlinkPayload } from '../sys/netlink-message.js';
import { AttachType } from '../uapi/attach-types.js';
import { XdpFlag } from '../uapi/flags.js';
import { ProgramType } from '../uapi/program-types.js';
import { interfaceAttributes, interfaceIndex, interfaceMessage, u32 } from './device.js';
import { createLink, type Link, UpdatableLink } from './link.js';
import { requireType } from './program-kind.js';

/** Options of {@link attachXdp}. */
export interface XdpOptions {
  /** `native`: in the driver. `generic`: in the network stack, on any device. Default: native where the driver can. */
  readonly mode?: 'native' | 'generic';
  /** Takes the place of a program that is there already, unless a bpf_link holds it. Default false. */
  readonly replace?: boolean;
  /** The features by which the way to attach is chosen. Default: those of the running kernel. */
  readonly features?: FeatureTable;
}

/**
 * Attaches to a device of the calling thread's network namespace: by a bpf_link (5.9), else by netlink (4.8),
 * which the kernel keeps when this process dies.
 * @param device Its name or number.
 * @throws SyscallError; UnknownFeatureError where it cannot be found out whether the kernel has links
 */
export function attachXdp(program: ProgramHandle, device: string | number, options: XdpOptions = {}): Link {
  requireType(program, 'attachXdp', ProgramType.xdp);
  const socket = new NetlinkSocket(NetlinkProtocol.route);
  try {
    const ifindex = interfaceIndex(socket, device);
    const mode =
      options.mode === undefined ? 0 : options.mode === 'native' ? XdpFlag.drvMode : XdpFlag.skbMode;
    const linked = options.replace !== true && (options.features ?? kernelFeatures).decide('xdp_link');
    if (!linked) return new NetlinkXdp(socket, program, ifindex, mode, options.replace === true);
    const fd = createLink(program, ifindex, AttachType.xdp, { flags: mode }, advice);
    socket[Symbol.dispose]();
    return new UpdatableLink('xdp', fd);
  } catch (error) {
    socket[Symbol.dispose]();
    throw error;
  }
}

function advice(errno: number): string | undefined {
  const { EBUSY, EEXIST, EOPNOTSUPP } = constants.errno;
  if (errno === EBUSY || errno === EEXIST) return 'the device has an XDP program already';
  if (errno === EOPNOTSUPP) return "the device's driver has no XDP: use the generic mode";
  return undefined;
}

/** A device's XDP program. */
export interface AttachedXdp {
  readonly mode: 'native' | 'generic';
  /** The kernel's id of the program; absent where several are attached (4.19), or before 4.15. */
  readonly programId?: number;
}

/**
 * The XDP program of a device; undefined if it has none. Needs no privileges.
 * @param socket A socket in the device's network namespace.
 * @throws SyscallError ENODEV
 */
export function attachedXdp(socket: NetlinkSocket, device: string | number): AttachedXdp | undefined {
  const nested = interfaceAttributes(socket, interfaceIndex(socket, device)).get(IFLA_XDP);
  if (nested === undefined) return undefined;
  const attributes = decodeAttributes(nested);
  // XDP_ATTACHED_*: none, in the driver, in the network stack, in the device, in several.
  const attached = attributes.get(Xdp.attached)?.[0] ?? 0;
  if (attached === 0) return undefined;
  const programId = u32(attributes.get(Xdp.programId));
  return { mode: attached === 2 ? 'generic' : 'native', ...(programId !== undefined && { programId }) };
}

/**
 * How a device's XDP program is attached; undefined if it has none.
 * @param socket A socket in the device's network namespace.
 * @throws SyscallError ENODEV
 */
export function xdpMode(socket: NetlinkSocket, device: string | number): 'native' | 'generic' | undefined {
  return attachedXdp(socket, device)?.mode;
}

const RTM_SETLINK = 19;
const IFLA_XDP = 43;
/** IFLA_XDP_*. */
const Xdp = { fd: 1, attached: 2, flags: 3, programId: 4, expectedFd: 8 } as const;

/** An attachment by netlink: the device, not a descriptor, holds the program. */
class NetlinkXdp implements Link {
  readonly kind = 'xdp';
  readonly #socket: NetlinkSocket;
  readonly #ifindex: number;
  readonly #mode: number;
  #program: Disposable & { readonly fd: number };
  #programId: number;
  #attached = true;

  constructor(
    socket: NetlinkSocket,
    program: ProgramHandle,
    ifindex: number,
    mode: number,
    replace: boolean,
  ) {
    this.#socket = socket;
    this.#ifindex = ifindex;
    this.#mode = mode;
    this.#set(program.fd, mode | (replace ? 0 : XdpFlag.updateIfNoexist));
    this.#program = program.hold();
    this.#programId = program.id;
  }

  update(program: ProgramHandle): void {
    const held = program.hold();
    try {
      this.#replace(program.fd);
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
    this.#program[Symbol.dispose]();
    this.#program = held;
    this.#programId = program.id;
  }

  [Symbol.dispose](): void {
    if (!this.#attached) return;
    this.#attached = false;
    try {
      if (this.#isOurs()) this.#replace(-1);
    } finally {
      this.#program[Symbol.dispose]();
      this.#socket[Symbol.dispose]();
    }
  }

  /** Somebody else may have put another program here, or taken the device away. */
  #isOurs(): boolean {
    try {
      const nested = interfaceAttributes(this.#socket, this.#ifindex).get(IFLA_XDP);
      return nested !== undefined && u32(decodeAttributes(nested).get(Xdp.programId)) === this.#programId;
    } catch (error) {
      if (error instanceof SyscallError && error.errno === constants.errno.ENODEV) return false;
      throw error;
    }
  }

  /** Puts another program, or none, in the place of ours, if it is still there (the kernel checks since 5.7). */
  #replace(fd: number): void {
    try {
      this.#set(fd, this.#mode | XdpFlag.replace, this.#program.fd);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== constants.errno.EINVAL) throw error;
      this.#set(fd, this.#mode);
    }
  }

  #set(fd: number, flags: number, expected?: number): void {
    const payload = new NetlinkPayload(interfaceMessage(this.#ifindex)).nest(IFLA_XDP, (xdp) => {
      xdp.u32(Xdp.fd, fd >>> 0).u32(Xdp.flags, flags);
      if (expected !== undefined) xdp.u32(Xdp.expectedFd, expected);
    }).bytes;
    const what = `${fd < 0 ? 'detach from' : 'attach XDP to'} network device ${this.#ifindex}`;
    this.#socket.request({ type: RTM_SETLINK, payload, what });
  }
}
