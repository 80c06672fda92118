/**
 * `weir balance` in a network of a test's own, and file systems of its own for sockets and pins: this thread is the client, 10.1.0.1 on
 * c0, which has the reals' addresses, too; the balancer has b0. Everything ends with the process.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Namespace, unshare, withNetns } from '@weir/ebpf/sys';

const weir = fileURLToPath(import.meta.resolve('@weir/cli/package.json')).replace(
  'package.json',
  'bin/weir.js',
);

export const VIP = '198.51.100.1';
/** Where health checks find the reals. */
const CHECK_PORT = 8053;

function ip(line: string): void {
  execFileSync('ip', line.split(' '), { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A VIP of the configuration. */
export interface ConfiguredVip {
  readonly name: string;
  readonly port: number;
  /** Name and weight; their addresses are 10.9.0.1 and the next ones. */
  readonly reals: readonly (readonly [name: string, weight: number])[];
  readonly isChecked: boolean;
}

/** The network, with a balancer in it. */
export class BalancedNetwork implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'weir-balanced-'));
  readonly #namespace: number;
  readonly #servers = new Map<number, Server>();
  #balancer: ChildProcess | undefined;

  /** Moves this thread. */
  constructor() {
    unshare(Namespace.mount);
    execFileSync('mount', ['--make-rprivate', '/']);
    execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
    unshare(Namespace.net);
    this.#namespace = openSync('/proc/thread-self/ns/net', 'r');
    ip('link set lo up');
    unshare(Namespace.net);
    ip('link set lo up');
    ip('link add c0 type veth peer name b0');
    ip(`link set b0 netns /proc/${process.pid}/fd/${this.#namespace}`);
    // Chromium ends all requests when an address comes or goes: none does later, not of IPv6 by itself either.
    ip('link set c0 addrgenmode none');
    ip('address add 10.1.0.1/24 dev c0');
    ip('link set c0 up');
    ip('route add local 10.9.0.0/24 dev lo');
    withNetns(this.#namespace, () => {
      ip('link set b0 addrgenmode none');
      ip('address add 10.1.0.2/24 dev b0');
      ip('link set b0 up');
      ip('route add 10.9.0.0/24 via 10.1.0.1');
    });
    ip(`route add ${VIP} via 10.1.0.2`);
  }

  /** Starts the health checks' end of a real. */
  async up(real: number): Promise<void> {
    const server = createServer((socket) => socket.end()).listen(CHECK_PORT, `10.9.0.${real}`);
    await once(server, 'listening');
    this.#servers.set(real, server);
  }

  /** Ends it: connections are refused. */
  async down(real: number): Promise<void> {
    const server = this.#servers.get(real);
    await new Promise((resolve) => server?.close(resolve));
    this.#servers.delete(real);
  }

  /** The file of a configuration. */
  write(vips: readonly ConfiguredVip[]): string {
    const file = join(this.#folder, 'balance.json');
    const check = { type: 'tcp', port: CHECK_PORT, interval: '300ms', timeout: '200ms', rise: 2, fall: 2 };
    // JSON is YAML.
    const config = {
      ...{ name: 'edge', interface: 'b0', mode: 'generic', router: '10.1.0.1' },
      options: { flows: 3000, maxReals: 64, maxServerIds: 64, maxSourceRoutes: 64, maxGlobalFlows: 64 },
      vips: vips.map(({ name, port, reals, isChecked }) => ({
        ...{ name, address: VIP, port, protocol: 'udp' },
        reals: reals.map(([real, weight], index) => ({
          ...{ name: real, weight },
          address: `10.9.0.${index + 1}`,
        })),
        ...(isChecked && { check }),
      })),
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  /** Starts the balancer. */
  async run(vips: readonly ConfiguredVip[]): Promise<void> {
    const args = [weir, 'balance', 'run', this.write(vips), '--ready-fd', '3'];
    const stdio = ['ignore', 'ignore', 'inherit', 'pipe'] as const;
    const child = withNetns(this.#namespace, () => spawn(process.execPath, args, { stdio: [...stdio] }));
    this.#balancer = child;
    assert.equal(await text(child.stdio[3] as Readable), 'ready\n');
  }

  /** Ends the balancer's process, and nothing else. */
  async kill(): Promise<void> {
    const balancer = this.#balancer;
    if (balancer === undefined || balancer.exitCode !== null || balancer.signalCode !== null) return;
    balancer.kill('SIGKILL');
    await once(balancer, 'exit');
  }

  /** Runs `weir balance` with a command; what it prints. */
  balance(...args: string[]): string {
    return execFileSync(process.execPath, [weir, 'balance', ...args], { encoding: 'utf8' });
  }

  /** Sends datagrams to a VIP, of as many flows. */
  async send(count: number, port: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const client = createSocket('udp4');
      await new Promise((resolve) => client.send('x'.repeat(100), port, VIP, resolve));
      client.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#balancer !== undefined) this.balance('stop', '--name', 'edge');
    this.#balancer = undefined;
    for (const server of this.#servers.values()) server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
