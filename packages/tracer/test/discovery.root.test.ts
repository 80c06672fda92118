/** The layout as discovered is the kernel's own, in every field, wherever and whenever it is discovered. */
import assert from 'node:assert/strict';
import { close as closeLater, readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Collection, parseObject } from '@weir/ebpf';
import { withNetns } from '@weir/ebpf/sys';
import { Experiment } from '../src/discovery/experiment.js';
import { knownFields } from '../src/discovery/fields.js';
import { type Discovery, discover } from '../src/discovery/index.js';
import { makeProbeSocket } from '../src/discovery/known-values.js';
import { inFreshNamespace } from '../src/discovery/namespace.js';
import { type Snapshot, Snapshots } from '../src/discovery/snapshot.js';
import { AddressFamily, SocketPool } from '../src/discovery/sockets.js';
import { solve } from '../src/discovery/solve.js';
import { makeKnownTraffic } from '../src/discovery/traffic.js';
import { toBtf } from '../src/discovery/types.js';
import { TcpState } from '../src/sockets/tcp-state.js';
import { findMismatch } from '../src/types/verify.js';
import { assertTrue } from './support/discovered.js';
import { Load } from './support/load.js';
import { loadWith, optionalFields, typeless } from './support/load-with.js';
import { ip, TestNetns } from './support/netns.js';

const WANTED_RUNS = 20;
const FEWEST_RUNS = 3;
/** On a slow machine fewer runs must do, unless WEIR_DISCOVERY_RUNS insists: but where nothing disturbs, all of them. */
const BUDGET_MS = 2500;

/** In a pass: 16, and the three that accept more traffic, where the first leaves a counter in doubt. */
const MOST_SOCKETS = 19;

function repeatedly(run: () => Discovery, fewest = FEWEST_RUNS): Discovery[] {
  const insisted = Number(process.env.WEIR_DISCOVERY_RUNS ?? 0);
  const start = performance.now();
  const discoveries: Discovery[] = [];
  while (
    discoveries.length < Math.max(fewest, insisted) ||
    (discoveries.length < WANTED_RUNS && performance.now() - start < BUDGET_MS)
  ) {
    const discovery = run();
    assertTrue(discovery);
    discoveries.push(discovery);
  }
  return discoveries;
}

function report(discoveries: readonly Discovery[]): string {
  const times = discoveries.map(({ durationMs }) => durationMs).sort((a, b) => a - b);
  const middle = times[times.length >> 1]!;
  return `${times.length} runs, ${discoveries[0]!.sockets} sockets, ${middle.toFixed(0)} ms each (median)`;
}

describe('discovery finds every field at its offset in the kernel', () => {
  it('on a quiet machine', (context) => {
    const discoveries = repeatedly(() => discover(), WANTED_RUNS);
    context.diagnostic(report(discoveries));
    for (const { sockets, passes } of discoveries)
      assert.ok(sockets <= MOST_SOCKETS * passes, `${sockets} sockets in ${passes} passes`);
  });

  it('under load from other connections', async (context) => {
    using netns = new TestNetns();
    using load = await Load.prepare(netns, 'churn', '--seconds', '60');
    load.signal();
    context.diagnostic(report(repeatedly(() => discover())));
  });

  it('in a network namespace', () => {
    using netns = new TestNetns();
    repeatedly(() => withNetns(`/run/netns/${netns.name}`, () => discover()));
  });

  it('in a network namespace without a network', () => {
    using netns = new TestNetns();
    ip('-n', netns.name, 'link', 'set', 'lo', 'down');
    assertTrue(withNetns(`/run/netns/${netns.name}`, () => discover()));
  });
});

/** Something else runs for a while, each time just before a client ends its sending side. */
class SlowExperiment extends Experiment {
  override before(...[change, action, options]: Parameters<Experiment['before']>): Snapshot | undefined {
    if (change.to === TcpState.fin_wait1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    return super.before(change, action, options);
  }
}

describe('discovery', () => {
  it('does not use counters that changed before the socket was copied', () => {
    using snapshots = new Snapshots();
    using sockets = new SocketPool();
    const experiment = new SlowExperiment(snapshots, sockets);
    inFreshNamespace(sockets, () => {
      const [first, second, third, listener] = [0, 1, 2, 3].map(() =>
        makeProbeSocket(experiment, AddressFamily.ipv4),
      );
      listener!.socket.listen();
      makeKnownTraffic(experiment, [first!, second!, third!], listener!);
    });
    assert.ok(experiment.disturbed);
    const { missing } = solve(experiment);
    const counters = knownFields.filter(({ struct }) => struct === 'tcp_sock');
    const nowhere = counters.filter(({ field }) => missing.get(field)?.startsWith('at no offset'));
    assert.deepEqual(nowhere, []);
  });

  it('counts a change only when all of it is copied, whatever CPU made it', async () => {
    using snapshots = new Snapshots();
    using sockets = new SocketPool();
    const experiment = new Experiment(snapshots, sockets);
    for (let count = 0; count < 1000; count++) {
      using socket = sockets.tcp(AddressFamily.ipv4);
      const sk = experiment.listenOnce(socket, undefined)!.image.address;
      const options = { task: true, anyThread: true };
      const [own] = snapshots.take({ sk, to: TcpState.listen }, () => socket.listen(), options);
      assert.equal(own!.task!.pid, own!.task!.tgid);
      let closed: Promise<unknown> | undefined;
      const close = (seen: () => number) => {
        closed = new Promise((resolve) => closeLater(socket.release(), resolve));
        // Without pauses: the two happen at the same time.
        while (seen() === 0);
      };
      const [other] = snapshots.take({ sk, to: TcpState.close }, close, options);
      assert.notEqual(other!.task!.pid, other!.task!.tgid, `socket ${count}`);
      // The kernel has it for a moment after its change.
      await closed;
    }
  });

  it('leaves nothing behind', () => {
    const traces = () => ({
      descriptors: readdirSync('/proc/self/fd').length,
      name: readFileSync('/proc/thread-self/comm', 'latin1'),
      netns: statSync('/proc/thread-self/ns/net').ino,
      sockets: readFileSync('/proc/net/tcp', 'latin1').split('\n').length,
    });
    // In a network namespace of its own: others' sockets come and go.
    using netns = new TestNetns();
    withNetns(`/run/netns/${netns.name}`, () => {
      discover();
      const before = traces();
      discover();
      assert.deepEqual(traces(), before);
    });
  });

  it('gives types with which the tracer loads', () => {
    const spec = parseObject(readFileSync(new URL('../../bpf/tcp.bpf.o', import.meta.url)));
    const programs = ['state_change', 'state_change_nested', 'graft_kprobe', 'accept_kretprobe'];
    using collection = Collection.load(spec, { btf: discover().toBtf(), programs });
    for (const name of programs) {
      const results = collection.coreResults.get(name)!;
      assert.ok(results.length > 0);
    }
  });

  it('gives types that may lack all but the essential fields, or half of the others', () => {
    const { fields } = discover();
    const optional = optionalFields(fields);
    // Without these, connections over IPv6 are not reported.
    const addresses = ['skc_v6_daddr', 'skc_v6_rcv_saddr'];
    const least = fields.filter((one) => !optional.includes(one) || addresses.includes(one.field));
    loadWith(toBtf(least));
    assert.equal(findMismatch(toBtf(least), typeless), undefined);
    // Any two differ in a bit of their places: one is left out with the other there.
    for (let bit = 1; bit < optional.length; bit *= 2) {
      const lacking = new Set(optional.filter((_, place) => (place & bit) !== 0));
      loadWith(toBtf(fields.filter((one) => !lacking.has(one))));
    }
  });
});
