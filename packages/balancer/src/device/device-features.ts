/** What matters of a network device: ioctls of include/uapi/linux/sockios.h and ethtool.h. */

import { SyscallError } from '@weir/ebpf';
import { type Arena, createArena, Fd, syscall } from '@weir/ebpf/sys';

import { takesRedirected } from './xdp-features.js';

const AF_INET = 2;
/** SOCK_DGRAM | SOCK_CLOEXEC */
const DATAGRAM = 2 | 0x80000;
const SIOCGIFMTU = 0x8921;
const SIOCETHTOOL = 0x8946;
const Ethtool = { driver: 0x03, flags: 0x25, gro: 0x2b } as const;
/** ETH_FLAG_LRO */
const LRO = 1 << 15;

/** struct ifreq: a name of 16 bytes, then a number or a pointer. */
const REQUEST_BYTES = 40;
const NAME_BYTES = 16;
/** struct ethtool_drvinfo, the largest that is asked for: a command, then the driver's name of 32 bytes. */
const ANSWER = 64;
const ANSWER_BYTES = 196;
const DRIVER_BYTES = 32;

/** A network device, as far as it can be found out. */
export interface DeviceFeatures {
  /** Largest IP packet, bytes. */
  readonly mtu: number;
  /** Whether received packets are merged by the stack; undefined if the device does not say. */
  readonly gro: boolean | undefined;
  /** Whether received packets are merged by the device; undefined if the device does not say. */
  readonly lro: boolean | undefined;
  readonly driver: string | undefined;
  /**
   * Whether the driver sends packets that XDP redirects from another device's driver; undefined if the kernel does not say:
   * it does since Linux 6.3.
   */
  readonly takesRedirected?: boolean | undefined;
}

let arena: Arena | undefined;

/** A device of the calling thread's network namespace; undefined if there is none of that name. @throws SyscallError */
export function deviceFeatures(name: string): DeviceFeatures | undefined {
  arena ??= createArena(ANSWER + ANSWER_BYTES);
  using socket = new Fd(syscall('socket', AF_INET, DATAGRAM, 0));
  const { view, bytes } = arena;
  const mtu = requested(socket, arena, name, SIOCGIFMTU) ? view.getInt32(NAME_BYTES, true) : undefined;
  if (mtu === undefined) return undefined;
  const word = (command: number) =>
    asked(socket, arena!, name, command) ? view.getUint32(ANSWER + 4, true) : undefined;
  const gro = word(Ethtool.gro);
  const flags = word(Ethtool.flags);
  const hasDriver = asked(socket, arena, name, Ethtool.driver);
  const driver = Buffer.from(bytes.subarray(ANSWER + 4, ANSWER + 4 + DRIVER_BYTES)).toString('latin1');
  return {
    mtu,
    gro: gro === undefined ? undefined : gro !== 0,
    lro: flags === undefined ? undefined : (flags & LRO) !== 0,
    driver: hasDriver ? driver.replace(/\0.*$/s, '') : undefined,
    takesRedirected: takesRedirected(name),
  };
}

/** Asks the driver by ethtool; returns whether it answered. */
function asked(socket: Fd, memory: Arena, name: string, command: number): boolean {
  memory.bytes.fill(0, ANSWER);
  memory.view.setUint32(ANSWER, command, true);
  return requested(socket, memory, name, SIOCETHTOOL, BigInt(memory.address + ANSWER));
}

function requested(socket: Fd, memory: Arena, name: string, request: number, pointer = 0n): boolean {
  const { bytes, view, address } = memory;
  bytes.fill(0, 0, REQUEST_BYTES);
  bytes.set(Buffer.from(name).subarray(0, NAME_BYTES - 1));
  view.setBigUint64(NAME_BYTES, pointer, true);
  try {
    syscall('ioctl', socket.fd, request, address);
    return true;
  } catch (error) {
    if (error instanceof SyscallError && ['ENODEV', 'EOPNOTSUPP', 'EPERM'].includes(error.code)) return false;
    throw error;
  }
}
