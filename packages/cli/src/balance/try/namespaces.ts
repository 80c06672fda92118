/** Network namespaces that end with this process, and the devices between them. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { createArena, Namespace, syscall, unshare, withNetns } from '@weir/ebpf/sys';

/** @throws Error with what ip(8) printed */
export function runIp(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Makes a namespace and returns a descriptor of it. This thread stays where it is. */
export function makeNamespace(): number {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    unshare(Namespace.net);
    prepareNamespace();
    return openSync('/proc/thread-self/ns/net', 'r');
  } finally {
    syscall('setns', home, Namespace.net);
    closeSync(home);
  }
}

/**
 * Brings up the loopback device, forwards, and lets packets in whose sender is reached by another device (rp_filter): those of
 * clients come to a real through a tunnel.
 */
export function prepareNamespace(): void {
  runIp('link set lo up');
  for (const [name, value] of [
    ['ip_forward', 1],
    ['conf/all/rp_filter', 0],
    ['conf/default/rp_filter', 0],
  ] as const) {
    writeFileSync(`/proc/sys/net/ipv4/${name}`, String(value));
  }
}

/** This side of a pair of devices. */
export interface NearEnd {
  readonly device: string;
  /** `1.0`: 10.1.0.1 is near, 10.1.0.2 far. */
  readonly network: string;
}

/** Makes a pair of devices from here to another namespace, which gets its default route through it. */
export function connectNamespaces({ device, network }: NearEnd, other: number, far: string): void {
  runIp(`link add ${device} type veth peer name ${far}`);
  runIp(`link set ${far} netns /proc/${process.pid}/fd/${other}`);
  raise(device, `10.${network}.1/24`);
  withNetns(other, () => {
    raise(far, `10.${network}.2/24`);
    runIp(`route add default via 10.${network}.1`);
  });
}

function raise(device: string, address: string): void {
  runIp(`address add ${address} dev ${device}`);
  runIp(`link set ${device} up`);
  withoutChecksumOffload(device);
}

const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;
const [AF_INET, SOCK_DGRAM] = [2, 2];
/** Bytes of struct ifreq; its pointer is behind the name. */
const [IFREQ_BYTES, IFREQ_DATA] = [40, 16];

/** Packets that XDP sends would leave without checksums that a device was to fill in. */
export function withoutChecksumOffload(device: string): void {
  const arena = createArena(64);
  arena.bytes.fill(0);
  new TextEncoder().encodeInto(device, arena.bytes);
  arena.view.setBigUint64(IFREQ_DATA, BigInt(arena.address + IFREQ_BYTES), true);
  arena.view.setUint32(IFREQ_BYTES, ETHTOOL_STXCSUM, true);
  const socket = syscall('socket', AF_INET, SOCK_DGRAM, 0);
  try {
    syscall('ioctl', socket, SIOCETHTOOL, arena.address);
  } finally {
    closeSync(socket);
  }
}
