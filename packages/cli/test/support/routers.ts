/** Simulated networks: namespaces, what connects them, and routers between them that rewrite addresses. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestNetns } from './load.js';

/** Connects two network namespaces by devices with these addresses. */
export function link(
  one: TestNetns,
  device: string,
  address: string,
  other: TestNetns,
  otherDevice: string,
  otherAddress: string,
): void {
  const ip = (...args: readonly string[]) => execFileSync('ip', args);
  const peer = ['peer', 'name', otherDevice, 'netns', other.name];
  ip('-n', one.name, 'link', 'add', device, 'type', 'veth', ...peer);
  for (const [netns, name, its] of [
    [one, device, address],
    [other, otherDevice, otherAddress],
  ] as const) {
    ip('-n', netns.name, 'addr', 'add', its, 'dev', name);
    ip('-n', netns.name, 'link', 'set', name, 'up');
  }
}

/** Runs a command in a network namespace. */
export function runIn(netns: TestNetns, input: string, ...command: readonly string[]): void {
  const args = ['netns', 'exec', netns.name, ...command];
  execFileSync('ip', args, { input, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Makes a namespace forward packets, by these rules of nftables. */
export function routeIn(netns: TestNetns, rules: string): void {
  runIn(netns, '', 'sysctl', '-q', '-w', 'net.ipv4.ip_forward=1');
  runIn(netns, rules, 'nft', '-f', '-');
}

/** Whether each connection of a namespace has ended: a listener is none, and what waits for stray packets is over. */
function allEnded(netns: TestNetns): boolean {
  const args = ['netns', 'exec', netns.name, 'ss', '-Htan'];
  const sockets = execFileSync('ip', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
  return sockets.every((line) => /^(LISTEN|TIME-WAIT)\b/.test(line));
}

/** Addresses of {@link TwoHosts}: the client's, the router's on either side, and the server's. */
export const [CLIENT, FRONT, BACK, SERVER] = ['10.9.0.2', '10.9.0.1', '10.8.0.1', '10.8.0.2'] as const;

/** A client and a server, with a router in between that rewrites both addresses: its port 80 is the server's port 8080. */
export class TwoHosts implements Disposable {
  readonly router = new TestNetns();
  readonly client = new TestNetns();
  readonly server = new TestNetns();

  constructor() {
    link(this.router, 'front', `${FRONT}/24`, this.client, 'eth', `${CLIENT}/24`);
    link(this.router, 'back', `${BACK}/24`, this.server, 'eth', `${SERVER}/24`);
    routeIn(
      this.router,
      `table ip weir {
        chain before { type nat hook prerouting priority -100; tcp dport 80 dnat to ${SERVER}:8080; }
        chain after { type nat hook postrouting priority 100; ip daddr ${SERVER} masquerade; }
      }`,
    );
  }

  /** Waits until every connection has ended on either host. */
  async ended(): Promise<void> {
    const hosts = [this.client, this.server];
    for (const deadline = Date.now() + 60_000; !hosts.every(allEnded); await sleep(10))
      assert.ok(Date.now() < deadline, 'connections that do not end');
  }

  [Symbol.dispose](): void {
    for (const netns of [this.client, this.server, this.router]) netns[Symbol.dispose]();
  }
}
