/**
 * A client, a balancer and reals in network namespaces on one switch, which is also a router. This thread is in the
 * client's.
 *
 *     client 10.0.0.2    router 10.0.0.1    balancer 10.0.1.2    real N 10.0.2.N, with the VIP on its lo
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { Namespace, syscall, unshare, withNetns } from '@weir/ebpf/sys';

export const VIP = '198.51.100.1';
export const CLIENT = '10.0.0.2';
export const BALANCER = '10.0.1.2';
export const BALANCER_DEVICE = 'b0';
/** The balancer's port of the switch. */
export const BALANCER_PORT = 'balancer';
export const REAL_DEVICE = 'r0';
export const ROUTER_MAC = '02:00:00:00:00:0c';
const ROUTER = '10.0.0.1';

export interface RealHost {
  /** Descriptor of its namespace. */
  readonly namespace: number;
  readonly address: string;
}

export interface SwitchedNetwork {
  /** Descriptors of namespaces. */
  readonly switch: number;
  readonly balancer: number;
  readonly reals: readonly RealHost[];
}

export function ip(line: string): void {
  execFileSync('ip', line.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Makes the namespaces and moves this thread into the client's. */
export function makeSwitchedNetwork(reals: number): SwitchedNetwork {
  unshare(Namespace.net);
  prepare();
  const middle = newNamespace();
  withNetns(middle, () => {
    ip(`link add br0 address ${ROUTER_MAC} type bridge`);
    ip(`address add ${ROUTER}/16 dev br0`);
    ip('link set br0 up');
  });
  plug(middle, 'c0', 'client', CLIENT);
  ip(`route add ${VIP} via ${BALANCER}`);
  const balancer = newNamespace();
  withNetns(balancer, () => plug(middle, BALANCER_DEVICE, BALANCER_PORT, BALANCER));
  const made = Array.from({ length: reals }, (_, i) => {
    const namespace = newNamespace();
    const address = `10.0.2.${i + 1}`;
    withNetns(namespace, () => {
      plug(middle, REAL_DEVICE, `real${i + 1}`, address);
      ip(`address add ${VIP}/32 dev lo`);
    });
    return { namespace, address };
  });
  return { switch: middle, balancer, reals: made };
}

/** Lets go of the namespaces, which end with the processes in them. */
export function leaveSwitchedNetwork(network: SwitchedNetwork): void {
  const { reals } = network;
  for (const namespace of [network.switch, network.balancer, ...reals.map((real) => real.namespace)])
    closeSync(namespace);
}

/** Connects this thread's namespace to the switch. */
function plug(middle: number, device: string, port: string, address: string): void {
  ip(`link add ${device} type veth peer name ${port}`);
  ip(`link set ${port} netns /proc/${process.pid}/fd/${middle}`);
  withNetns(middle, () => {
    ip(`link set ${port} master br0`);
    ip(`link set ${port} up`);
    withoutChecksumOffload(port);
  });
  ip(`address add ${address}/16 dev ${device}`);
  ip(`link set ${device} up`);
  withoutChecksumOffload(device);
  ip(`route add default via ${ROUTER}`);
}

/** Between veth devices, packets have no checksums otherwise, which those that XDP sends would never get. */
function withoutChecksumOffload(device: string): void {
  execFileSync('ethtool', ['-K', device, 'tx', 'off'], { stdio: ['ignore', 'ignore', 'pipe'] });
}

function newNamespace(): number {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  unshare(Namespace.net);
  prepare();
  const made = openSync('/proc/thread-self/ns/net', 'r');
  syscall('setns', home, Namespace.net);
  closeSync(home);
  return made;
}

/** Packets come in and go out by one device, which is no reason for redirects. */
function prepare(): void {
  ip('link set lo up');
  const off = ['rp_filter', 'send_redirects', 'accept_redirects'];
  for (const scope of ['all', 'default']) {
    for (const name of off) writeFileSync(`/proc/sys/net/ipv4/conf/${scope}/${name}`, '0');
  }
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
}
