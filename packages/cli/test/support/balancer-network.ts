/** A network of a client and a balancer, in namespaces of a test's own. */
import { execFileSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';
import { WeirProcess } from './command.js';

export function ip(line: string): string {
  return execFileSync('ip', line.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Leaves this thread in a namespace of the client, 10.1.0.1 on c0, with a BPF file system and a /run of its own.
 *
 * @param vip An address that the client reaches through the balancer.
 * @returns a descriptor of the balancer's network namespace, where b0 has 10.1.0.2.
 */
export function makeBalancerNetwork(vip: string): number {
  if (process.getuid?.() !== 0) throw new Error('this test makes network namespaces: it needs root');
  unshare(Namespace.mount);
  execFileSync('mount', ['--make-rprivate', '/']);
  execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  unshare(Namespace.net);
  const made = openSync('/proc/thread-self/ns/net', 'r');
  ip('link set lo up');
  unshare(Namespace.net);
  ip('link add c0 type veth peer name b0');
  execFileSync('ip', ['link', 'set', 'b0', 'netns', `/proc/${process.pid}/fd/${made}`]);
  ip('address add 10.1.0.1/24 dev c0');
  ip('link set c0 up');
  withNetns(made, () => {
    ip('address add 10.1.0.2/24 dev b0');
    ip('link set b0 up');
  });
  ip(`route add ${vip} via 10.1.0.2`);
  return made;
}

/** Processes of `weir balance run` in the balancer's namespace. */
export class BalancerProcesses implements Disposable {
  readonly #namespace: number;
  readonly #file: string;
  readonly #running = new Set<WeirProcess>();

  constructor(namespace: number, file: string) {
    this.#namespace = namespace;
    this.#file = file;
  }

  /** Starts one, and waits until it balances. */
  async start(): Promise<WeirProcess> {
    const args = ['balance', 'run', this.#file, '--ready-fd', '3'];
    const weir = withNetns(this.#namespace, () => new WeirProcess(args));
    this.#running.add(weir);
    await weir.ready();
    return weir;
  }

  [Symbol.dispose](): void {
    for (const weir of this.#running) weir[Symbol.dispose]();
  }
}
