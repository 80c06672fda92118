import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Connection, plainConnection } from '../src/connections/index.js';
import type { ConnectionProcess } from '../src/index.js';
import { MINUTE, SECOND, Simulation } from './support/simulation.js';

const one = (simulation: Simulation): Connection => {
  const all = [...simulation.table.connections()];
  assert.equal(all.length, 1);
  return all[0]!;
};

describe('the table of connections: a connection', () => {
  it('is followed from its beginning to its end', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    const connection = one(simulation);
    assert.equal(connection.direction, 'outbound');
    assert.equal(connection.state, 'established');
    assert.equal(connection.process?.pid, 7);
    assert.equal(connection.bytes_sent, 0);
    simulation.move(flow, 1000, 300);
    simulation.pass(SECOND);
    simulation.refresh();
    assert.equal(one(simulation), connection);
    assert.deepEqual([connection.bytes_sent, connection.bytes_received], [1000, 300]);
    assert.ok(Math.abs(connection.send_rate - 1000) < 1 && Math.abs(connection.receive_rate - 300) < 1);
    assert.deepEqual(plainConnection(connection, simulation.nowNs), {
      flow_id: flow.flowId,
      network: { transport: 'tcp', type: 'ipv4' },
      netns: 1,
      local: { address: '10.0.0.1', port: 4000 },
      peer: { address: '10.0.0.2', port: 80 },
      direction: 'outbound',
      state: 'established',
      process: { pid: 7, comm: 'p7', uid: 0 },
      age_us: Math.round((simulation.nowNs - flow.startNs) / 1000),
      idle_us: 1_000_000,
      bytes_sent: 1000,
      bytes_received: 300,
      send_rate: Math.round(connection.send_rate),
      receive_rate: Math.round(connection.receive_rate),
      packets_sent: 0,
      packets_received: 0,
      retransmits: 0,
      srtt_us: 50,
    });
    simulation.move(flow, 5, 0);
    simulation.close(flow, { pid: 99 });
    simulation.deliver();
    assert.equal(simulation.table.size, 0);
    const { ended } = simulation.table.takeEnded();
    assert.equal(ended.length, 1);
    assert.equal(ended[0]!.connection.bytes_sent, 1005);
    assert.equal(ended[0]!.connection.process?.pid, 7, 'not who closed it');
    const { totals } = simulation.table;
    assert.deepEqual(
      [totals.connected, totals.ended, totals.bytes_sent, totals.bytes_received],
      [1, 1, 1005, 300],
    );
    assert.deepEqual(simulation.table.takeEnded(), { ended: [], dropped: 0 });
  });

  it('that began in an earlier tracer has what its record said, and ends by its flow id', () => {
    const earlier = new Simulation();
    const flow = earlier.connect({ port: 4000, pid: 7 });
    earlier.deliver();
    const { netns, local, peer, direction, interface_index, process, cgroup_id } = one(earlier);
    const simulation = new Simulation();
    simulation.table.begun({
      ...{ netns, local, peer, direction, interface_index, process, cgroup_id },
      ...{ flow_id: flow.flowId, started_ns: flow.startNs },
    });
    simulation.flows.push(flow);
    simulation.live.add(flow);
    simulation.move(flow, 1000, 300);
    simulation.pass(SECOND);
    simulation.refresh();
    const connection = one(simulation);
    assert.deepEqual(
      [connection.flow_id, connection.started_ns, connection.direction, connection.process?.pid],
      [flow.flowId, flow.startNs, 'outbound', 7],
    );
    assert.deepEqual([connection.bytes_sent, connection.bytes_received], [1000, 300]);
    simulation.close(flow);
    simulation.deliver();
    assert.equal(simulation.table.size, 0);
    assert.equal(simulation.table.takeEnded().ended[0]?.connection.flow_id, flow.flowId);
  });

  it('that began in an earlier tracer, and whose end is lost, has vanished', () => {
    const simulation = new Simulation();
    const ends = { local: { address: '10.0.0.1', port: 4000 }, peer: { address: '10.0.0.2', port: 80 } };
    const known = { ...ends, direction: undefined, process: undefined, cgroup_id: undefined };
    for (const flow_id of ['00000000000000a.0', '00000000000000b.0'])
      simulation.table.begun({ ...known, netns: 1, interface_index: 0, flow_id, started_ns: 1 });
    assert.equal(simulation.table.size, 1, 'one has the ends at a time');
    for (let count = 0; count < 3; count++) {
      simulation.pass(MINUTE);
      simulation.refresh();
    }
    const { ended } = simulation.table.takeEnded();
    assert.deepEqual(
      ended.map(({ connection, closed_by }) => [connection.flow_id, closed_by]),
      [
        ['00000000000000a.0', 'vanished'],
        ['00000000000000b.0', 'vanished'],
      ],
    );
  });

  it('that no refresh ever saw is counted in full', () => {
    const simulation = new Simulation();
    simulation.refresh();
    const flow = simulation.accept({ port: 80, pid: 3 });
    simulation.move(flow, 10, 20);
    simulation.close(flow);
    simulation.deliver();
    simulation.refresh();
    const { totals } = simulation.table;
    assert.deepEqual(
      [totals.accepted, totals.bytes_sent, totals.bytes_received, totals.ended],
      [1, 10, 20, 1],
    );
  });

  it('from before the start has its process by the socket’s inode, and counts since it was first seen', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7, prior: true });
    simulation.move(flow, 1_000_000, 5);
    simulation.refresh();
    const connection = one(simulation);
    assert.deepEqual([connection.direction, connection.bytes_sent], ['outbound', 1_000_000]);
    assert.equal(connection.process?.pid, 7);
    assert.equal(connection.started_ns, undefined);
    simulation.move(flow, 20, 30);
    simulation.refresh();
    simulation.move(flow, 1, 0);
    simulation.close(flow);
    simulation.deliver();
    const { totals } = simulation.table;
    assert.deepEqual([totals.bytes_sent, totals.bytes_received], [21, 30]);
    assert.deepEqual([totals.connected, totals.ended], [0, 1]);
  });

  it('from before the start does not count the SYN as payload once its direction becomes known', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7, prior: true });
    simulation.move(flow, 100, 0);
    flow.sendQueue = 50;
    simulation.refresh();
    assert.equal(one(simulation).direction, undefined);
    flow.sendQueue = 0;
    simulation.move(flow, 10, 0);
    simulation.refresh();
    assert.deepEqual([one(simulation).direction, one(simulation).bytes_sent], ['outbound', 110]);
    assert.equal(simulation.table.totals.bytes_sent, 10);
  });

  it('whose socket is passed to another process has that process', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    flow.pid = 8;
    simulation.refresh();
    assert.equal(one(simulation).process?.pid, 8);
  });

  it('whose port is reused is another connection', () => {
    const simulation = new Simulation();
    const first = simulation.connect({ port: 4000, pid: 7 });
    simulation.move(first, 100, 0);
    simulation.deliver();
    simulation.refresh();
    const before = one(simulation);
    simulation.close(first);
    const second = simulation.connect({ port: 4000, pid: 8 });
    simulation.move(second, 7, 0);
    simulation.deliver();
    simulation.refresh();
    const after = one(simulation);
    assert.notEqual(after, before);
    assert.deepEqual([after.process?.pid, after.bytes_sent], [8, 7]);
    assert.equal(simulation.table.totals.bytes_sent, 107);
  });

  it('whose port is reused while records are late is another connection', () => {
    const simulation = new Simulation();
    const first = simulation.connect({ port: 4000, pid: 7 });
    simulation.move(first, 100, 0);
    simulation.deliver();
    simulation.refresh();
    simulation.close(first);
    const second = simulation.connect({ port: 4000, pid: 8 });
    simulation.move(second, 7, 0);
    simulation.refresh();
    assert.equal(one(simulation).bytes_sent, 7);
    assert.deepEqual(simulation.table.takeEnded().ended, [], 'its close may still come');
    simulation.deliver();
    const { ended } = simulation.table.takeEnded();
    assert.deepEqual(
      [ended.length, ended[0]?.connection.flow_id, ended[0]?.closed_by],
      [1, first.flowId, 'local'],
    );
    assert.deepEqual([one(simulation).flow_id, one(simulation).process?.pid], [second.flowId, 8]);
    assert.equal(simulation.table.totals.bytes_sent, 107);
  });

  it('whose close is lost vanishes, and is reported after a while', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.move(flow, 100, 0);
    simulation.refresh();
    simulation.close(flow);
    simulation.drop();
    simulation.refresh();
    assert.equal(simulation.table.size, 1, 'a dump may pass a socket over');
    simulation.refresh();
    assert.equal(simulation.table.size, 0);
    simulation.pass(MINUTE);
    simulation.refresh();
    const { ended } = simulation.table.takeEnded();
    assert.deepEqual(
      [ended.length, ended[0]?.closed_by, ended[0]?.connection.bytes_sent],
      [1, 'vanished', 100],
    );
    assert.equal(simulation.table.totals.vanished, 1);
    assert.equal(simulation.table.remembered, 0);
  });

  it('with prompt closes is gone at once, although the kernel still has its socket', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.move(flow, 100, 0);
    simulation.refresh();
    simulation.close(flow, { lingers: true });
    simulation.deliver();
    for (let i = 0; i < 5; i++) {
      simulation.refresh();
      assert.equal(simulation.table.size, 0);
    }
    simulation.removeClosedSockets();
    simulation.refresh();
    simulation.refresh();
    assert.equal(simulation.table.remembered, 0);
    assert.equal(simulation.table.totals.bytes_sent, 100);
  });

  it('that its process has closed before the first refresh, while the peer has not, is none any more', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7, prior: true });
    simulation.reduce(flow);
    simulation.refresh();
    assert.equal(simulation.table.size, 0);
    simulation.remove(flow);
    for (let i = 0; i < 3; i++) {
      simulation.pass(10 * SECOND);
      simulation.refresh();
    }
    assert.deepEqual(simulation.table.takeEnded().ended, []);
  });

  it('that fails is shown while it connects, and removed at its failure', () => {
    const simulation = new Simulation();
    const flow = simulation.connect({ port: 4000, pid: 7, handshake: false });
    simulation.refresh();
    assert.equal(one(simulation).state, 'syn_sent');
    simulation.fail(flow);
    simulation.deliver();
    assert.equal(simulation.table.size, 0);
    assert.deepEqual([simulation.table.totals.failed, simulation.table.totals.ended], [1, 0]);
  });

  it('that is idle is hidden until payload moves, if the option says so', () => {
    const simulation = new Simulation({ tcpIdleMs: 60_000 });
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    one(simulation);
    simulation.pass(2 * MINUTE);
    simulation.refresh();
    assert.deepEqual([...simulation.table.connections()], []);
    simulation.move(flow, 1, 0);
    simulation.refresh();
    one(simulation);
  });

  it('beyond the limit is counted as overflow, and its bytes when it closes', () => {
    const simulation = new Simulation({ limit: 2 });
    const flows = [4000, 4001, 4002, 4003].map((port) => simulation.connect({ port, pid: 7 }));
    simulation.deliver();
    for (const flow of flows) simulation.move(flow, 10, 0);
    simulation.refresh();
    assert.equal(simulation.table.size, 2);
    const { totals } = simulation.table;
    assert.deepEqual([totals.overflow, totals.untracked, totals.bytes_sent], [2, 2, 20]);
    for (const flow of flows) simulation.close(flow);
    simulation.deliver();
    assert.equal(simulation.table.totals.bytes_sent, 40);
    simulation.refresh();
    assert.equal(simulation.table.totals.untracked, 0);
  });

  it('in a network namespace that could not be read stays in the table', () => {
    const simulation = new Simulation();
    simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    for (let i = 0; i < 20; i++) simulation.refresh({ failed: [1] });
    one(simulation);
    for (let i = 0; i < 9; i++) simulation.refresh({ unreachable: [1] });
    one(simulation);
    simulation.refresh({ unreachable: [1] });
    assert.equal(simulation.table.size, 0);
  });

  it('whose end would be reported stays in the table while its network namespace cannot be read', () => {
    const simulation = new Simulation({ reportedEnds: 'followed' });
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    for (let i = 0; i < 20; i++) simulation.refresh({ unreachable: [1] });
    assert.equal(one(simulation).state, undefined);
    assert.deepEqual([...simulation.table.outOfSight], [[1, 1]]);
    simulation.close(flow);
    simulation.deliver();
    assert.deepEqual([simulation.table.size, simulation.table.totals.ended], [0, 1]);
  });

  it('whose end may have been lost leaves the table when its network namespace cannot be read', () => {
    const simulation = new Simulation({ reportedEnds: 'followed' });
    simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    simulation.pass(SECOND);
    simulation.table.eventsLost();
    for (let i = 0; i < 10; i++) simulation.refresh({ unreachable: [1] });
    assert.equal(simulation.table.size, 0);
  });
});

describe('the queue of ended connections', () => {
  it('drops the oldest beyond its limit, and counts them', () => {
    const simulation = new Simulation({ endedLimit: 10 });
    for (let i = 0; i < 25; i++) simulation.close(simulation.connect({ port: 4000 + i, pid: 1 }));
    simulation.deliver();
    const { ended, dropped } = simulation.table.takeEnded();
    assert.equal(ended.length + dropped, 25);
    assert.ok(ended.length <= 10);
    assert.equal(ended.at(-1)?.connection.local.port, 4024);
  });
});

describe('a table that reports only connections that vanish', () => {
  it('keeps no others, whose figures are in the sums all the same', () => {
    const simulation = new Simulation({ ended: 'vanished', endedLimit: 1 });
    const lost = simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.move(lost, 100, 0);
    simulation.refresh();
    simulation.close(lost);
    simulation.drop();
    for (let port = 4001; port < 4010; port++) {
      const flow = simulation.connect({ port, pid: 7 });
      simulation.move(flow, 10, 0);
      simulation.close(flow);
    }
    simulation.deliver();
    for (let i = 0; i < 2; i++) simulation.refresh();
    simulation.pass(MINUTE);
    simulation.refresh();
    const { ended, dropped } = simulation.table.takeEnded();
    assert.deepEqual(
      ended.map(({ connection, closed_by }) => [connection.local.port, closed_by]),
      [[4000, 'vanished']],
    );
    assert.equal(dropped, 0);
    assert.deepEqual([simulation.table.totals.ended, simulation.table.totals.bytes_sent], [10, 190]);
  });
});

describe('a table from which brief connections are kept away', () => {
  it('has those that live on at a refresh, and counts the others', () => {
    const simulation = new Simulation({ ended: 'vanished' }, 1, { brief: true });
    for (let port = 4001; port < 4010; port++) {
      const flow = simulation.connect({ port, pid: 7 });
      simulation.move(flow, 10, 2);
      simulation.close(flow);
    }
    simulation.connect({ port: 4000, pid: 7 });
    simulation.deliver();
    simulation.refresh();
    assert.deepEqual([one(simulation).local.port, one(simulation).process?.pid], [4000, 7]);
    const { connected, ended, bytes_sent, bytes_received } = simulation.table.totals;
    assert.deepEqual([connected, ended, bytes_sent, bytes_received], [10, 9, 90, 18]);
    assert.equal(simulation.delivered, 1);
  });

  it('is spared them while it waits for the end of another one, and gets those with the same ends', () => {
    const simulation = new Simulation({ ended: 'vanished' }, 1, { brief: true });
    const [lost, late] = [4000, 4001].map((port) => simulation.connect({ port, pid: 7 }));
    simulation.deliver();
    simulation.refresh();
    for (const flow of [lost!, late!]) simulation.remove(flow);
    for (let count = 0; count < 3; count++) {
      simulation.pass(SECOND);
      simulation.refresh();
    }
    assert.equal(simulation.table.size, 0, 'both are gone');
    const { delivered } = simulation;
    for (let port = 4100; port < 4110; port++)
      simulation.close(simulation.connect({ port, peerPort: 81, pid: 8 }));
    simulation.deliver();
    assert.equal(simulation.delivered - delivered, 0, 'records of brief connections');
    const next = simulation.connect({ port: 4000, pid: 8 });
    simulation.close(next);
    simulation.deliver();
    assert.equal(simulation.delivered - delivered, 2, 'records of one with the same ends');
    // Nothing is kept of those whose wait is over.
    simulation.pass(MINUTE);
    for (let count = 0; count < 3; count++) simulation.refresh();
    simulation.close(simulation.connect({ port: 4000, pid: 9 }));
    simulation.deliver();
    assert.equal(simulation.delivered - delivered, 2);
  });

  it('does not list the socket of one again that the kernel still has, and lists the next one with its ends', () => {
    const simulation = new Simulation({ ended: 'vanished' }, 1, { brief: true });
    const flow = simulation.connect({ port: 4000, pid: 7 });
    simulation.close(flow, { lingers: true });
    simulation.deliver();
    for (let count = 0; count < 4; count++) {
      simulation.refresh();
      simulation.pass(MINUTE);
      assert.equal(simulation.table.size, 0, `refresh ${count}`);
    }
    simulation.removeClosedSockets();
    for (let count = 0; count < 3; count++) simulation.refresh();
    assert.equal(simulation.table.remembered, 0);
    simulation.connect({ port: 4000, pid: 8 });
    simulation.deliver();
    simulation.refresh();
    assert.equal(one(simulation).process?.pid, 8);
    assert.deepEqual(simulation.table.takeEnded().ended, []);
  });
});

describe('connections in a network namespace that no process is in', () => {
  it('live on, with what was last seen, while a process has their sockets', () => {
    const held = new Set<number>();
    const simulation = new Simulation();
    const find = Object.assign((_: number, known?: ConnectionProcess) => known, {
      holds: (inode: number) => held.has(inode),
    });
    const [kept, dropped] = [4000, 4001].map((port) => simulation.connect({ port, pid: 7 }));
    held.add(kept!.inode);
    simulation.deliver();
    simulation.move(kept!, 100, 0);
    simulation.refresh({ findProcess: find });
    for (let count = 0; count < 20; count++) {
      simulation.pass(SECOND);
      simulation.refresh({ unreachable: [1], findProcess: find });
    }
    simulation.pass(MINUTE);
    simulation.refresh({ unreachable: [1], findProcess: find });
    const row = one(simulation);
    assert.deepEqual([row.local.port, row.state, row.bytes_sent, row.send_rate], [4000, undefined, 100, 0]);
    assert.deepEqual([...simulation.table.outOfSight], [[1, 1]]);
    assert.equal(simulation.table.totals.vanished, 1);
    simulation.move(kept!, 50, 0);
    simulation.remove(dropped!);
    simulation.refresh({ findProcess: find });
    assert.deepEqual([one(simulation).state, one(simulation).bytes_sent], ['established', 150]);
    assert.equal(simulation.table.outOfSight.size, 0);
  });
});

describe('connections with the same ends on two interfaces', () => {
  const names = new Map([
    [3, 'la'],
    [4, 'lb'],
  ]);
  const table = (byInterface: boolean) => ({
    byInterface,
    interfaceName: (_: number, index: number) => names.get(index),
  });
  const shown = (simulation: Simulation) =>
    [...simulation.table.connections()].map((connection) => [
      ...[connection.interface, connection.process?.pid, connection.bytes_sent],
    ]);

  it('are two, each with its process, its bytes and its end', () => {
    const simulation = new Simulation(table(true));
    const [a, b] = [3, 4].map((interfaceIndex) =>
      simulation.connect({ port: 4000, pid: interfaceIndex, interfaceIndex }),
    );
    simulation.deliver();
    simulation.move(a!, 1000, 0);
    simulation.move(b!, 50_000, 0);
    simulation.refresh();
    assert.deepEqual(shown(simulation), [
      ['la', 3, 1000],
      ['lb', 4, 50_000],
    ]);
    names.set(4, 'renamed');
    simulation.refresh();
    assert.equal(shown(simulation)[1]![0], 'renamed');
    const [first] = simulation.table.connections();
    assert.equal(plainConnection(first!, simulation.nowNs).interface, 'la');
    simulation.close(a!);
    simulation.deliver();
    simulation.refresh();
    assert.deepEqual(shown(simulation), [['renamed', 4, 50_000]]);
    const { totals } = simulation.table;
    assert.deepEqual([totals.bytes_sent, totals.ended, totals.vanished], [51_000, 1, 0]);
  });

  it('from before the start are two as well', () => {
    const simulation = new Simulation(table(true));
    for (const interfaceIndex of [3, 4])
      simulation.connect({ port: 4000, pid: interfaceIndex, interfaceIndex, prior: true });
    simulation.refresh();
    assert.deepEqual(
      shown(simulation).map(([, pid]) => pid),
      [3, 4],
    );
  });

  it('do not make two rows of one where records lack the interface', () => {
    const simulation = new Simulation(table(false));
    simulation.connect({ port: 4000, pid: 3, interfaceIndex: 3 });
    simulation.deliver();
    simulation.refresh();
    assert.deepEqual(shown(simulation), [['la', 3, 0]]);
  });
});

describe('open sockets', () => {
  it('are those of the last refresh, listening or UDP', () => {
    const simulation = new Simulation();
    const listener = simulation.listen({ port: 80, pid: 5 });
    simulation.refresh();
    const [socket] = simulation.table.openSockets;
    assert.deepEqual(socket, {
      transport: 'tcp',
      type: 'ipv4',
      netns: 1,
      cookie: listener.cookie,
      local: { address: '0.0.0.0', port: 80 },
      peer: undefined,
      interface: undefined,
      inode: listener.inode,
      uid: 0,
      process: { pid: 5, comm: 'p5' },
      waiting: 0,
      backlog: 128,
    });
    simulation.refresh({ failed: [1] });
    assert.equal(simulation.table.openSockets.size, 1);
    simulation.remove(listener);
    simulation.refresh();
    assert.equal(simulation.table.openSockets.size, 0);
    assert.equal(simulation.table.size, 0);
  });
});

describe('UDP flows in the table', () => {
  const flow = (id: string, bytes: number, nowNs: number) => ({
    flow_id: id,
    netns: 1,
    local: { address: '10.0.0.1', port: 53 },
    peer: { address: '10.0.0.2', port: 4000 },
    direction: 'inbound' as const,
    process: { pid: 4, comm: 'dns' },
    started_ns: 5,
    active_ns: nowNs,
    bytes_sent: bytes,
    bytes_received: 2 * bytes,
    datagrams_sent: 1,
    datagrams_received: 2,
  });

  it('are added, updated and ended, and two of them may have the same ends', () => {
    const simulation = new Simulation();
    const { table } = simulation;
    table.udpFlows([flow('a', 10, 1), flow('b', 100, 1)]);
    assert.equal(table.size, 2);
    simulation.pass(SECOND);
    table.udpFlows([flow('a', 30, 2), flow('b', 100, 1)]);
    const [a] = [...table.connections()];
    assert.deepEqual([a?.bytes_sent, a?.send_rate, a?.packets_received], [30, 20, 2]);
    table.udpEnded(flow('a', 35, 3), 'local', 4);
    table.udpEnded(flow('c', 1, 3), 'idle', 4);
    simulation.refresh();
    assert.equal(table.size, 1, 'a refresh of TCP does not touch them');
    table.udpFlows([]);
    assert.equal(table.size, 0);
    table.udpFlows([flow('b', 101, 9)]);
    table.udpEnded(flow('b', 102, 9), 'idle', 10);
    assert.equal(table.totals.bytes_sent, 35 + 1 + 102);
    assert.equal(table.totals.bytes_received, 2 * (35 + 1 + 102));
    assert.deepEqual(
      table.takeEnded().ended.map(({ connection, closed_by }) => [connection.flow_id, closed_by]),
      [
        ['a', 'local'],
        ['c', 'idle'],
        ['b', 'idle'],
      ],
    );
    assert.equal(table.remembered, 0);
  });

  it('beyond the limit are counted as overflow', () => {
    const { table } = new Simulation({ limit: 1 });
    table.udpFlows([flow('a', 1, 1), flow('b', 1, 1), flow('c', 1, 1)]);
    assert.deepEqual([table.size, table.totals.untracked], [1, 2]);
  });
});
