/** Connections whose two ends are the same on two interfaces, as link-local ones may be, on a running tracer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { deviceName, withNetns } from '@weir/ebpf/sys';
import { type LiveConnections, type TraceRecord, Tracer } from '../src/index.js';
import { requireModules } from './support/modules.js';
import { ip, TestNetns } from './support/netns.js';
import { MSG_DONTWAIT, RawSocket } from './support/raw-sockets.js';

const DEADLINE_MS = 10_000;

/** A namespace with two interfaces that have the same link-local address, and so have their peers. */
class TwoLinks implements Disposable {
  readonly here = new TestNetns();
  readonly there = [new TestNetns(), new TestNetns()];
  readonly indices: number[];

  constructor() {
    for (const [number, peer] of this.there.entries()) {
      const [device, end] = [`link${number}`, `end${number}`];
      ip(
        '-n',
        this.here.name,
        'link',
        'add',
        device,
        'type',
        'veth',
        'peer',
        'name',
        end,
        'netns',
        peer.name,
      );
      for (const [netns, name, address] of [
        [this.here.name, device, 'fe80::1/64'],
        [peer.name, end, 'fe80::2/64'],
      ] as const) {
        ip('-n', netns, 'link', 'set', name, 'addrgenmode', 'none');
        ip('-n', netns, 'link', 'set', name, 'up');
        ip('-n', netns, 'addr', 'add', address, 'dev', name, 'nodad');
      }
    }
    this.indices = this.inside(() =>
      Array.from({ length: 16 }, (_, index) => index + 1).filter((index) =>
        this.#name(index)?.startsWith('link'),
      ),
    );
  }

  #name(index: number): string | undefined {
    try {
      return deviceName(index);
    } catch {
      return undefined;
    }
  }

  inside<T>(body: () => T extends PromiseLike<unknown> ? never : T): T {
    return withNetns(`/run/netns/${this.here.name}`, body);
  }

  [Symbol.dispose](): void {
    for (const netns of [this.here, ...this.there]) netns[Symbol.dispose]();
  }
}

async function refreshUntil(live: LiveConnections, isThere: () => boolean): Promise<void> {
  for (const deadline = Date.now() + DEADLINE_MS; ; await sleep(50)) {
    await live.refresh();
    if (isThere() || Date.now() > deadline) return;
  }
}

const rows = (live: LiveConnections) =>
  [...live]
    .filter(({ peer }) => peer.port === 7000)
    .map((row) => `${row.transport} ${row.local.address} ${row.interface} ${row.bytes_sent}`)
    .sort();

describe('two connections with the same ends on two interfaces', () => {
  it('over TCP are two, with the interface and the bytes of each', async () => {
    using links = new TwoLinks();
    const listeners = links.there.map((netns) =>
      withNetns(`/run/netns/${netns.name}`, () => RawSocket.tcp(true).bind('::', 7000).listen()),
    );
    const connect = (index: number) =>
      links.inside(() =>
        RawSocket.tcp(true)
          .setOption(1, 2, 1)
          .bind(`fe80::1%${index}`, 5000)
          .connect(`fe80::2%${index}`, 7000),
      );
    const [first, second] = links.indices as [number, number];
    // One from before the start, one from after it.
    const sockets = [connect(first)];
    await using tracer = Tracer.start({ filter: { netns: [links.here.inode] } });
    using live = tracer.connections({ udp: false });
    await live.refresh();
    sockets.push(connect(second));
    for (const [number, socket] of sockets.entries()) socket.send((number + 1) * 1000);
    const expected = ['tcp fe80::1 link0 1000', 'tcp fe80::1 link1 2000'];
    await refreshUntil(live, () => rows(live).join() === expected.join());
    assert.deepEqual(rows(live), expected);
    links.inside(() => {
      ip('-n', links.here.name, 'link', 'set', 'link0', 'down');
      ip('-n', links.here.name, 'link', 'set', 'link0', 'name', 'renamed');
    });
    await refreshUntil(live, () => rows(live).some((row) => row.includes('renamed')));
    assert.deepEqual(
      rows(live).map((row) => row.split(' ')[2]),
      ['link1', 'renamed'],
    );
    const records: TraceRecord[] = [];
    tracer.on('record', (record) => records.push(record));
    for (const socket of sockets) socket.setOption(1, 13, [1, 0, 0, 0, 0, 0, 0, 0])[Symbol.dispose]();
    await refreshUntil(live, () => live.size === 0);
    await tracer.stop();
    const closes = records.flatMap((record) =>
      record.event === 'close' && record.peer.port === 7000
        ? [`${record.interface} ${record.bytes_sent}`]
        : [],
    );
    assert.deepEqual(closes.sort(), ['link1 2000', 'renamed 1000']);
    assert.deepEqual([live.totals.ended, live.totals.vanished], [2, 0]);
    for (const listener of listeners) listener[Symbol.dispose]();
  });

  it('over UDP are two, on one socket that is bound to none, and on a bound one', async () => {
    using links = new TwoLinks();
    await using tracer = Tracer.start({ filter: { netns: [links.here.inode] } });
    using live = tracer.connections();
    await live.refresh();
    const open = links.inside(() => RawSocket.udp(true).bind('::', 5001));
    const bound = links.inside(() =>
      RawSocket.udp(true)
        .setOption(1, 25, [...Buffer.from('link1\0')])
        .bind('fe80::1', 5000),
    );
    for (const [number, index] of links.indices.entries()) {
      open.send((number + 1) * 100, 0, { address: `fe80::2%${index}`, port: 7000 });
    }
    bound.send(300, 0, { address: 'fe80::2', port: 7000 });
    const expected = ['udp fe80::1 link0 100', 'udp fe80::1 link1 200', 'udp fe80::1 link1 300'];
    await refreshUntil(live, () => rows(live).join() === expected.join());
    assert.deepEqual(rows(live), expected);
    assert.deepEqual(
      [...live.openSockets].filter(({ local }) => local.port === 5000).map((socket) => socket.interface),
      ['link1'],
    );
    for (const socket of [open, bound]) socket[Symbol.dispose]();
  });
});

/** A namespace with two VRFs that have the same address, and so have their peers. */
class TwoVrfs implements Disposable {
  readonly here = new TestNetns();
  readonly there = [new TestNetns(), new TestNetns()];

  constructor() {
    for (const [number, peer] of this.there.entries()) {
      const [vrf, device] = [`vrf${number}`, `link${number}`];
      this.here.ip('link', 'add', vrf, 'type', 'vrf', 'table', `${100 + number}`);
      this.here.ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'end', 'netns', peer.name);
      this.here.ip('link', 'set', device, 'master', vrf);
      this.here.ip('addr', 'add', '10.9.0.1/24', 'dev', device);
      peer.ip('addr', 'add', '10.9.0.2/24', 'dev', 'end');
      for (const up of [vrf, device]) this.here.ip('link', 'set', up, 'up');
      peer.ip('link', 'set', 'end', 'up');
    }
    // A listener that is bound to no interface accepts in every VRF.
    this.here.sysctl('net/ipv4/tcp_l3mdev_accept', 1);
  }

  [Symbol.dispose](): void {
    for (const netns of [this.here, ...this.there]) netns[Symbol.dispose]();
  }
}

const inside = (netns: TestNetns, body: () => RawSocket) => withNetns(`/run/netns/${netns.name}`, body);

it('two connections with the same ends in two VRFs are two, of either direction', async (t) => {
  if (!requireModules(t, 'vrf')) return;
  using vrfs = new TwoVrfs();
  const { here, there } = vrfs;
  const server = (address: string) => () => RawSocket.tcp().setOption(1, 2, 1).bind(address, 7000).listen();
  const listeners = [
    ...there.map((netns) => inside(netns, server('10.9.0.2'))),
    inside(here, server('0.0.0.0')),
  ];
  const outbound = (number: number) =>
    inside(here, () =>
      RawSocket.tcp()
        .setOption(1, 2, 1)
        .setOption(1, 25, [...Buffer.from(`vrf${number}\0`)])
        .bind('10.9.0.1', 5000)
        .connect('10.9.0.2', 7000),
    );
  const inbound = (number: number) => {
    const bind = () => RawSocket.tcp().setOption(1, 2, 1).bind('10.9.0.2', 5001);
    return inside(there[number]!, () => bind().connect('10.9.0.1', 7000));
  };
  // One of each from before the start.
  const sockets = [outbound(0), inbound(0)];
  const accepted = [listeners[2]!.accept()];
  await using tracer = Tracer.start({ filter: { netns: [here.inode] } });
  const records: TraceRecord[] = [];
  tracer.on('record', (record) => records.push(record));
  using live = tracer.connections({ udp: false });
  await live.refresh();
  sockets.push(outbound(1), inbound(1));
  accepted.push(listeners[2]!.accept());
  for (const [number, socket] of sockets.entries()) socket.send((number + 1) * 1000);
  const ends = () =>
    [...live]
      .map((row) => `${row.direction} ${row.interface} ${row.bytes_sent} ${row.bytes_received}`)
      .sort();
  const expected = [
    'inbound vrf0 0 2000',
    'inbound vrf1 0 4000',
    'outbound vrf0 1000 0',
    'outbound vrf1 3000 0',
  ];
  await refreshUntil(live, () => ends().join() === expected.join());
  assert.deepEqual(ends(), expected);
  for (const socket of accepted) while (socket.receive(1 << 16, MSG_DONTWAIT) > 0);
  for (const socket of [...sockets, ...accepted]) socket[Symbol.dispose]();
  await refreshUntil(live, () => live.size === 0);
  await tracer.stop();
  const closes = records.flatMap((record) =>
    record.event === 'close'
      ? [`${record.direction} ${record.interface} ${record.bytes_sent} ${record.bytes_received}`]
      : [],
  );
  assert.deepEqual(closes.sort(), expected);
  for (const listener of listeners) listener[Symbol.dispose]();
});
