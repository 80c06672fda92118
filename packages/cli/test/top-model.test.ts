/** What `weir top` makes of live connections: sums of ended ones, groups, order, curves. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noFilter } from '../src/top/filter/top-filter.js';
import { EndedSums } from '../src/top/model/ended.js';
import { type Frame, frozen, Watch } from '../src/top/model/frame.js';
import { byPeer, byProcess } from '../src/top/model/groups.js';
import { HISTORY_LENGTH, Histories } from '../src/top/model/history.js';
import { sparkline } from '../src/top/table/sparkline.js';
import { columnsOf, defaultSort, type Sort, sheetOf, viewNames } from '../src/top/table/views.js';
import { connection, FakeLive, fakeEnrichment, noLosses, noTotals, second } from './support/fake-live.js';

const ending = (item: ReturnType<typeof connection>) => ({
  connection: item,
  ended_ns: second,
  closed_by: 'local' as const,
});

describe('connections that have ended', () => {
  it('are summed up by process and service, whatever the port of the client', () => {
    const sums = new EndedSums();
    sums.refresh([], [], 0);
    const ended = [40_001, 40_002, 40_003].map((port) =>
      ending(connection(`10.0.0.5:${port}`, '192.0.2.1:443', { bytes_sent: 100, bytes_received: 1_000 })),
    );
    sums.refresh([], ended, 2 * second);
    const [sum, ...more] = sums;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [sum!.count, sum!.bytes_sent, sum!.bytes_received, sum!.send_rate, sum!.receive_rate],
      [3, 300, 3_000, 150, 1_500],
    );
    sums.refresh([], [], 4 * second);
    assert.deepEqual([[...sums][0]!.count, [...sums][0]!.send_rate], [3, 0], 'a rate is of one interval');
  });

  it('count in the rate only with what moved since they were last seen', () => {
    const sums = new EndedSums();
    const seen = connection('10.0.0.5:1', '192.0.2.1:443', { bytes_sent: 900 });
    sums.refresh([seen], [], 0);
    seen.bytes_sent = 1_000;
    const old = connection('10.0.0.5:2', '192.0.2.1:443', { bytes_sent: 5_000, started_ns: undefined });
    sums.refresh([], [ending(seen), ending(old)], second);
    const [sum] = sums;
    assert.deepEqual([sum!.bytes_sent, sum!.send_rate], [6_000, 100]);
  });

  it('are forgotten after a while', () => {
    const sums = new EndedSums();
    sums.refresh([], [ending(connection('10.0.0.5:1', '192.0.2.1:443'))], second);
    sums.refresh([], [], 400 * second);
    assert.deepEqual([...sums], []);
    const many = Array.from({ length: 20_000 }, (_, index) =>
      ending(connection('10.0.0.5:1', `192.0.2.1:${index + 1}`)),
    );
    sums.refresh([], many, 401 * second);
    assert.equal([...sums].length, 16_384);
  });
});

describe('groups of connections', () => {
  const nginx = { pid: 7, comm: 'nginx', uid: 0 };
  const live = [
    connection('10.0.0.5:80', '198.51.100.7:1', {
      ...{ process: nginx, direction: 'inbound', send_rate: 10, bytes_sent: 100, srtt_us: 900 },
    }),
    connection('10.0.0.5:80', '198.51.100.7:2', {
      ...{ process: nginx, direction: 'inbound', send_rate: 5, bytes_sent: 50, srtt_us: 300 },
    }),
    connection('10.0.0.5:9', '198.51.100.7:443', { receive_rate: 7 }),
    connection('10.0.0.5:9', '192.0.2.1:443', { process: undefined }),
  ];

  it('sum up connections by process', () => {
    const groups = byProcess(live, []);
    assert.deepEqual(
      groups.map(({ process, connections, send_rate, bytes_sent, peers }) => [
        ...[process?.pid, connections, send_rate, bytes_sent, peers.size],
      ]),
      [
        [7, 2, 15, 150, 1],
        [4242, 1, 0, 0, 1],
        [undefined, 1, 0, 0, 1],
      ],
    );
  });

  it('sum up connections by peer, with the shortest round trip and all services', () => {
    const [first] = byPeer(live, []);
    assert.deepEqual(
      [first!.address, first!.connections, first!.pids.size, first!.srtt_us, [...first!.ports.keys()]],
      ['198.51.100.7', 3, 2, 300, [80, 443]],
    );
  });

  it('count connections that have ended', () => {
    const sums = new EndedSums();
    sums.refresh([], [ending(live[0]!), ending(live[1]!)], second);
    const [group] = byProcess([], [...sums]);
    assert.deepEqual([group!.connections, group!.ended, group!.bytes_sent], [0, 2, 150]);
  });
});

function frameOf(...connections: Frame['connections'][number][]): Frame {
  return {
    ...{ nowNs: 100 * second, connections, sockets: [], ended: [], totals: noTotals },
    ...{ lost: noLosses, unread: [], problems: [] },
  };
}

/** Local ports in the order of rows. */
function order(frame: Frame, sort: Sort): number[] {
  const sheet = sheetOf('connections', frame, { filter: noFilter, sort }, fakeEnrichment);
  return Array.from({ length: sheet.size }, (_, index) => sheet.connection(index)!.local.port);
}

describe('the order of rows', () => {
  const frame = frameOf(
    connection('10.0.0.10:1', '192.0.2.1:443', { send_rate: 5, receive_rate: 5, srtt_us: undefined }),
    connection('10.0.0.9:2', '192.0.2.1:443', { send_rate: 100, srtt_us: 10, process: undefined }),
    connection('[2001:db8::1]:3', '192.0.2.1:443', { bytes_sent: 9, srtt_us: 30 }),
    connection('10.0.0.9:4', '192.0.2.1:443', { bytes_received: 10, srtt_us: 20 }),
  );

  it('is by both rates, then by the bytes that have moved', () => {
    assert.deepEqual(order(frame, defaultSort('connections')), [2, 1, 4, 3]);
  });

  it('has unknown values last, in either direction', () => {
    assert.deepEqual(order(frame, { column: 'rtt', descending: true }), [3, 4, 2, 1]);
    assert.deepEqual(order(frame, { column: 'rtt', descending: false }), [2, 4, 3, 1]);
  });

  it('has addresses by number', () => {
    assert.deepEqual(order(frame, { column: 'local', descending: false }), [2, 4, 1, 3]);
  });

  it('can be that of every column of every view', () => {
    for (const view of viewNames) {
      for (const { id } of columnsOf(view, false)) {
        const sort = { column: id, descending: false };
        const sheet = sheetOf(view, frame, { filter: noFilter, sort }, fakeEnrichment);
        for (let index = 0; index < sheet.size; index++) {
          for (const column of sheet.columns) assert.equal(typeof sheet.text(index, column), 'string');
        }
      }
    }
  });
});

describe('a frozen frame', () => {
  it('stays as it is when the next refresh comes', () => {
    const item = connection('10.0.0.5:1', '192.0.2.1:443', { bytes_sent: 1 });
    const still = frozen(frameOf(item));
    item.bytes_sent = 2;
    assert.equal(still.connections[0]!.bytes_sent, 1);
  });
});

describe('the history of a connection', () => {
  it('begins when the connection first moves something, and has a limited length', () => {
    const histories = new Histories();
    const item = connection('10.0.0.5:1', '192.0.2.1:443');
    histories.record([item]);
    assert.deepEqual(histories.of(item.id).sent, []);
    for (let rate = 1; rate <= HISTORY_LENGTH + 5; rate++) {
      item.send_rate = rate;
      histories.record([item]);
    }
    item.send_rate = 0;
    histories.record([item]);
    const { sent, received } = histories.of(item.id);
    assert.deepEqual([sent.length, sent[0], sent.at(-2), sent.at(-1)], [HISTORY_LENGTH, 7, 125, 0]);
    assert.deepEqual(new Set(received), new Set([0]));
  });

  it('ends with the connection', async () => {
    const live = new FakeLive();
    const item = connection('10.0.0.5:1', '192.0.2.1:443', { send_rate: 5 });
    live.connections = [item];
    const watch = new Watch(live, () => second);
    await watch.refresh();
    live.connections = [];
    live.ended = [ending(item)];
    const frame = await watch.refresh();
    assert.equal(frame.connections.length, 0);
    assert.equal(watch.ending(item.id)?.closed_by, 'local');
  });
});

describe('a sparkline', () => {
  it('distinguishes nothing from little, and stands at the right', () => {
    assert.equal(sparkline([0, 1, 50, 100], 6), '  ▁▂▅█');
    assert.equal(sparkline([5, 1, 1], 2), '▃▃', 'the scale is that of all values');
    assert.equal(sparkline([], 3), '   ');
    assert.equal(sparkline([0, 0], 2), '▁▁');
  });
});
