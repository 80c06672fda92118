/**
 * A client, a balancer and reals in network namespaces. This thread is in the client's, which is also the router of all.
 * Mounts are private, with a separate bpffs. Everything ends with the process.
 *
 *     client 10.1.0.1 - 10.1.0.2 balancer        client 10.2.N.1 - 10.2.N.2 real N, with the VIP on its lo
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { createArena, Namespace, syscall, unshare, withNetns } from '@weir/ebpf/sys';
import { Decapsulator } from '../../src/index.js';
import { useOneCpu } from './one-cpu.js';

if (process.getuid?.() !== 0) throw new Error('this test makes network namespaces: it needs root');

useOneCpu();

export const VIP = '198.51.100.1';
export const BALANCER_DEVICE = 'b0';
export const ROUTER = '10.1.0.1';
export const ROUTER_MAC = '02:00:00:00:00:0c';

export interface Network {
  /** Descriptor of the balancer's namespace. */
  readonly balancer: number;
  readonly reals: readonly Real[];
}

export interface Real {
  readonly namespace: number;
  readonly address: string;
  readonly decapsulator: Decapsulator;
}

export function ip(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Makes the namespaces and moves this thread into the client's. */
export function makeNetwork(reals: number): Network {
  unshare(Namespace.mount);
  execFileSync('mount', ['--make-rprivate', '/']);
  execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
  unshare(Namespace.net);
  prepare();
  ip('address add 10.9.0.1/32 dev lo');
  const balancer = newNamespace();
  connect('c0', '10.1.0.1', balancer, BALANCER_DEVICE, '10.1.0.2');
  ip(`link set c0 address ${ROUTER_MAC}`);
  ip(`route add ${VIP} via 10.1.0.2`);
  // On veth, XDP can send packets only to a device that has a program itself.
  Decapsulator.open({ interfaces: ['c0'], addresses: [] });
  return { balancer, reals: Array.from({ length: reals }, (_, i) => makeReal(i + 1)) };
}

function makeReal(number: number): Real {
  const namespace = newNamespace();
  const address = `10.2.${number}.2`;
  connect(`c${number}`, `10.2.${number}.1`, namespace, 'r0', address);
  const decapsulator = withNetns(namespace, () => {
    ip(`address add ${VIP}/32 dev lo`);
    return Decapsulator.open({ interfaces: ['r0'], addresses: [address] });
  });
  return { namespace, address, decapsulator };
}

/** Makes a veth pair from here to another namespace, with a default route back if that has none. */
export function connect(
  near: string,
  nearAddress: string,
  other: number,
  far: string,
  farAddress: string,
): void {
  ip(`link add ${near} type veth peer name ${far}`);
  execFileSync('ip', ['link', 'set', far, 'netns', `/proc/${process.pid}/fd/${other}`]);
  ip(`address add ${nearAddress}/24 dev ${near}`);
  ip(`link set ${near} up`);
  withoutChecksumOffload(near);
  withNetns(other, () => {
    ip(`address add ${farAddress}/24 dev ${far}`);
    ip(`link set ${far} up`);
    withoutChecksumOffload(far);
    ip(`route append default via ${nearAddress}`);
  });
}

export function newNamespace(): number {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  unshare(Namespace.net);
  prepare();
  const made = openSync('/proc/thread-self/ns/net', 'r');
  syscall('setns', home, Namespace.net);
  closeSync(home);
  return made;
}

function prepare(): void {
  ip('link set lo up');
  for (const [name, value] of [
    ['ip_forward', 1],
    ['conf/all/rp_filter', 0],
    ['conf/default/rp_filter', 0],
  ] as const) {
    writeFileSync(`/proc/sys/net/ipv4/${name}`, String(value));
  }
}

const arena = createArena(64);

/**
 * Turns checksum offload off (ETHTOOL_STXCSUM by SIOCETHTOOL): packets that XDP sends would leave without their
 * checksums.
 */
export function withoutChecksumOffload(device: string): void {
  arena.bytes.fill(0);
  new TextEncoder().encodeInto(device, arena.bytes);
  arena.view.setBigUint64(16, BigInt(arena.address + 40), true);
  arena.view.setUint32(40, 0x17, true);
  const socket = syscall('socket', 2, 2, 0);
  try {
    syscall('ioctl', socket, 0x8946, arena.address);
  } finally {
    closeSync(socket);
  }
}
