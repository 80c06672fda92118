/** The shape of tcptracer-bpf's library, with real connections. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { features, UnknownFeatureError, UnsupportedError } from '@weir/ebpf';
import { newTracer, type TcpTracerEvent } from '@weir/tracer/compat';
import { canWatchFds, DescriptorProcess } from './support/descriptors.js';
import { type LoadReport, runLoad } from './support/load.js';
import { TestNetns } from './support/netns.js';

const COUNT = 50;

/** The lines of one end of a connection, without time and CPU. */
function eventsOf({ client, server }: LoadReport, netns: number): string[] {
  const line = (type: string, pid: number, own: LoadReport['client'], other: LoadReport['client']) =>
    JSON.stringify([type, pid, 'weir-load', own.address, own.port, other.address, other.port, netns, 0]);
  return [
    line('connect', client.pid, client, server),
    line('accept', server.pid, server, client),
    line('close', client.pid, client, server),
    line('close', server.pid, server, client),
  ];
}

function inShort({ type, pid, comm, saddr, sport, daddr, dport, netns, fd }: TcpTracerEvent): string {
  return JSON.stringify([type, pid, comm, saddr, sport, daddr, dport, netns, fd]);
}

it('the compat tracer reports each connect, accept and close to the callback of its family', async () => {
  using netns = new TestNetns();
  const v4: TcpTracerEvent[] = [];
  const v6: TcpTracerEvent[] = [];
  const lost: number[] = [];
  const tracer = newTracer(
    {
      tcpEventV4: (event) => v4.push(event),
      tcpEventV6: (event) => v6.push(event),
      lostV4: (count) => lost.push(count),
      lostV6: () => assert.fail('lostV6'),
    },
    { filter: { netns: [netns.inode] } },
  );
  const count = String(COUNT);
  // Events from before start() are reported, too.
  const before = await runLoad(netns, 'pairs', '--count', count, '--closer', 'client');
  tracer.start();
  const mapped = await runLoad(netns, 'pairs', '--count', count, '--family', 'mapped');
  const over6 = await runLoad(netns, 'pairs', '--count', count, '--family', '6', '--closer', 'reset-client');
  await runLoad(netns, 'refused', '--count', '5');
  await tracer.stop();
  const expected = (pairs: readonly LoadReport[]) =>
    pairs.flatMap((pair) => eventsOf(pair, netns.inode)).sort();
  assert.deepEqual(v4.map(inShort).sort(), expected([...before, ...mapped]));
  assert.deepEqual(v6.map(inShort).sort(), expected(over6));
  for (const events of [v4, v6]) {
    const times = events.map(({ timestamp }) => timestamp);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  }
  assert.deepEqual(lost, []);
});

// A policy that denies trampolines does not say that the kernel has none.
const isDenied = features.probe('fentry').state === 'unknown';
const noHookError = isDenied ? UnknownFeatureError : UnsupportedError;

it('the compat tracer watches the descriptors of a process, where the kernel has a hook', async () => {
  const events: TcpTracerEvent[] = [];
  const nothing = () => {};
  const tracer = newTracer(
    { tcpEventV4: (event) => events.push(event), tcpEventV6: nothing, lostV4: nothing, lostV6: nothing },
    { filter: { pids: [process.pid], netns: [1] } },
  );
  try {
    tracer.start();
    tracer.removeFdInstallWatcher(1);
    if (!canWatchFds()) {
      assert.throws(() => tracer.addFdInstallWatcher(1), noHookError);
      return;
    }
    using watched = await DescriptorProcess.start();
    tracer.addFdInstallWatcher(watched.pid);
    const expectedFds = await watched.get(10);
    tracer.removeFdInstallWatcher(watched.pid);
    await watched.get(10);
    await tracer.stop();
    assert.deepEqual(
      events.map(({ type, pid, fd }) => [type, pid, fd]),
      expectedFds.map((fd) => ['fdinstall', watched.pid, fd]),
    );
  } finally {
    await tracer.stop();
  }
});

it('the compat tracer can be stopped before it was started', async () => {
  const nothing = () => assert.fail('an event');
  const tracer = newTracer({ tcpEventV4: nothing, tcpEventV6: nothing, lostV4: nothing, lostV6: nothing });
  await tracer.stop();
});
