/** Translated flows of an earlier process: known to the next one, or refused in words. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { Namespace, unshare } from '@weir/ebpf/sys';
import { Balancer, type BalancerOptions } from '../src/index.js';
import { PinFolder } from '../src/lifecycle/pin-folder.js';
import { comesBack, goesOut, nat, REAL_PORT, REAL4, replyTo, setReals } from './support/nat-packets.js';
import { udp4, VIP4 } from './support/open-balancer.js';
import type { Packet } from './support/packet.js';

if (process.getuid?.() !== 0) throw new Error('this test loads programs: it needs root');
execFileSync('taskset', ['-cp', '0', String(process.pid)], { stdio: 'ignore' });

unshare(Namespace.mount);
execFileSync('mount', ['--make-rprivate', '/']);
execFileSync('mount', ['-t', 'bpf', 'bpf', '/sys/fs/bpf']);

const root = '/sys/fs/bpf/weir';
const name = 'translated';
const options: BalancerOptions = {
  routerMac: '02:00:00:00:00:03',
  flows: 3000,
  pin: name,
  nat: { ...nat, ports: [30_000, 30_063], udpIdleSeconds: 600 },
};
/** So many that some find the slots of their own bucket in use, and have one elsewhere. */
const flows: readonly Packet[] = Array.from({ length: 48 }, (_, i) => ({ ...udp4, sourcePort: 100 + i }));

after(() => {
  Balancer.open({ ...options, forgetFlows: true }).detach();
});

/** Changes the saved state between two processes. */
function editState(edit: (state: { nat: string }) => void): void {
  using folder = PinFolder.claim(root, name);
  const state = JSON.parse(folder.readState()!) as { nat: string };
  edit(state);
  folder.writeState(JSON.stringify(state));
}

function allGoOn(balancer: Balancer, ports: readonly number[]): void {
  for (const [i, flow] of flows.entries()) {
    assert.equal(goesOut(balancer, flow), ports[i]);
    comesBack(balancer, flow, replyTo(flow, ports[i]!));
  }
}

describe('translated flows of an earlier process', () => {
  const ports: number[] = [];

  it('translated flows are known to the next process', () => {
    using first = Balancer.open(options);
    setReals(first, VIP4, 'udp', [{ address: REAL4, port: REAL_PORT }]);
    for (const flow of flows) ports.push(goesOut(first, flow));
    assert.equal(new Set(ports).size, flows.length);
    first[Symbol.dispose]();
    using second = Balancer.open(options);
    allGoOn(second, ports);
  });

  it('translated flows of a version without buckets are known', () => {
    editState((state) => {
      assert.match(state.nat, / by hash$/);
      state.nat = state.nat.replace(/ by hash$/, '');
    });
    using balancer = Balancer.open(options);
    allGoOn(balancer, ports);
  });

  it('slots in an order that this version does not know are refused', () => {
    editState((state) => {
      state.nat += ' otherwise';
    });
    assert.throws(() => Balancer.open(options), /nat: the translated flows in use .*forgetFlows allows it/);
    using balancer = Balancer.open({ ...options, forgetFlows: true });
    assert.equal(balancer.natStatus()!.active, 0);
  });
});
