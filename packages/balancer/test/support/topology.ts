/**
 * A client, a router, a balancer and reals in network namespaces, with IPv4 and IPv6. This thread is in the balancer's,
 * from which it connects and opens. Everything ends with the process.
 *
 *     client 10.0.0.2 ─ 10.0.0.1 router 10.1.0.1 ─ 10.1.0.2 balancer
 *                                router 10.2.N.1 ─ 10.2.N.2 real N, with the VIPs on its lo
 *
 * IPv6 is the same behind `fd00:`, as in fd00:0:0::2, fd00:1:0::2, fd00:2:N::2.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import { Decapsulator } from '../../src/index.js';
import { ip, newNamespace, withoutChecksumOffload } from './network.js';

export const VIP4 = '198.51.100.1';
export const VIP6 = '2001:db8::1';
export const BALANCER_DEVICE = 'b0';
export const BALANCER4 = '10.1.0.2';
export const BALANCER6 = 'fd00:1:0::2';
/** MAC address of the router, towards the balancer. */
export const ROUTER_MAC = '02:00:00:00:00:0c';

export interface Topology {
  /** Descriptors of the namespaces. */
  readonly client: number;
  readonly router: number;
  readonly reals: readonly TopologyReal[];
}

export interface TopologyReal {
  readonly namespace: number;
  readonly address4: string;
  readonly address6: string;
}

/** Makes the namespaces and moves this thread into the balancer's. */
export function makeTopology(reals: number): Topology {
  unshare(Namespace.mount);
  execFileSync('mount', ['--make-rprivate', '/']);
  execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
  unshare(Namespace.net);
  ip('link set lo up');
  const router = newNamespace();
  const client = newNamespace();
  withNetns(router, () => {
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  });
  withNetns(client, () => connect(router, 'c0', '0:0', 'client'));
  connect(router, BALANCER_DEVICE, '1:0', 'balancer');
  const made = Array.from({ length: reals }, (_, i) => makeReal(router, i + 1));
  withNetns(router, () => {
    ip(`link set balancer address ${ROUTER_MAC}`);
    ip(`route add ${VIP4} via ${BALANCER4}`);
    ip(`route add ${VIP6} via ${BALANCER6}`);
    // On veth, XDP can send packets only to a device that has a program itself.
    Decapsulator.open({ interfaces: ['balancer'], addresses: [] });
  });
  return { client, router, reals: made };
}

function makeReal(router: number, number: number): TopologyReal {
  const namespace = newNamespace();
  const address4 = `10.2.${number}.2`;
  const address6 = `fd00:2:${number}::2`;
  withNetns(namespace, () => {
    connect(router, 'r0', `2:${number}`, `real${number}`);
    ip(`address add ${VIP4}/32 dev lo`);
    ip(`address add ${VIP6}/128 dev lo nodad`);
    Decapsulator.open({ interfaces: ['r0'], addresses: [address4, address6] });
  });
  return { namespace, address4, address6 };
}

/** Makes a veth pair from this thread's namespace to the router, which becomes its default gateway. */
function connect(router: number, device: string, network: string, routerDevice: string): void {
  const [high, low] = network.split(':');
  const [net4, net6] = [`10.${high}.${low}`, `fd00:${high}:${low}:`];
  ip(`link add ${device} type veth peer name ${routerDevice}`);
  ip(`link set ${routerDevice} netns /proc/${process.pid}/fd/${router}`);
  ip(`address add ${net4}.2/24 dev ${device}`);
  ip(`address add ${net6}:2/64 dev ${device} nodad`);
  ip(`link set ${device} up`);
  withoutChecksumOffload(device);
  withNetns(router, () => {
    ip(`address add ${net4}.1/24 dev ${routerDevice}`);
    ip(`address add ${net6}:1/64 dev ${routerDevice} nodad`);
    ip(`link set ${routerDevice} up`);
    withoutChecksumOffload(routerDevice);
  });
  ip(`route add default via ${net4}.1`);
  ip(`-6 route add default via ${net6}:1`);
}
