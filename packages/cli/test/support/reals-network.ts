/**
 * A client, which is also the router, a balancer and reals in network namespaces, with a BPF file system and a /run of their own.
 * This thread is in the client's. Everything ends with the process.
 *
 *     client 10.1.0.1 c0 - b0 10.1.0.2 balancer        client 10.2.N.1 - r0 10.2.N.2 real N, with the VIP on its lo
 */
import { spawn } from 'node:child_process';
import { withNetns } from '@weir/ebpf/sys';
import {
  connectNamespaces,
  makeNamespace,
  prepareNamespace,
  runIp,
  withoutChecksumOffload,
} from '../../src/balance/try/namespaces.js';
import { makeBalancerNetwork } from './balancer-network.js';

export interface RealsNetwork {
  readonly balancer: number;
  /** Descriptors of the reals' namespaces. */
  readonly reals: readonly number[];
}

export function makeRealsNetwork(vip: string, count: number): RealsNetwork {
  const balancer = makeBalancerNetwork(vip);
  prepareNamespace();
  withoutChecksumOffload('c0');
  withNetns(balancer, () => runIp('route add default via 10.1.0.1'));
  const reals = Array.from({ length: count }, (_, index) => {
    const namespace = makeNamespace();
    connectNamespaces({ device: `c${index + 1}`, network: `2.${index + 1}` }, namespace, 'r0');
    withNetns(namespace, () => runIp(`address add ${vip} dev lo`));
    return namespace;
  });
  return { balancer, reals };
}

/** Runs a script of Node.js in a namespace and a cgroup. */
export function spawnIn(namespace: number, cgroup: string, script: string) {
  return withNetns(namespace, () =>
    spawn('sh', ['-c', 'echo $$ > "$0/cgroup.procs"; exec "$@"', cgroup, process.execPath, '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
}
