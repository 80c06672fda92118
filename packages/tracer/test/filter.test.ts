import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { compileFilter, ipv4Only, reportedEnds, wantedProtocols } from '../src/hooks/filter.js';
import type { TraceFilter } from '../src/index.js';
import type { UdpFlow } from '../src/sockets/index.js';
import { flowFilter } from '../src/stream/flow-filter.js';

function map(filter: TraceFilter, name: string): Map<string, string> {
  const found = compileFilter(filter).maps.find((candidate) => candidate.name === name);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return new Map((found?.entries ?? []).map(([key, value]) => [hex(key), hex(value)]));
}

it('a filter leaves all ends, or those of connections that it passed, or none', () => {
  assert.equal(reportedEnds(), 'all');
  assert.equal(reportedEnds({ netns: [1], pids: [], events: [] }), 'all');
  assert.equal(reportedEnds({ netns: [1], comms: ['curl'] }), 'followed');
  assert.equal(reportedEnds({ direction: 'inbound' }), 'followed');
  assert.equal(reportedEnds({ events: ['connect', 'close'] }), 'followed');
  assert.equal(reportedEnds({ events: ['connect'] }), 'none');
});

describe('filters for the kernel', () => {
  it('pass everything if none is set', () => {
    const compiled = compileFilter();
    assert.deepEqual(compiled, {
      wantedEvents: 15,
      wantedDirection: 0,
      processFilters: 0,
      tupleFilters: 0,
      maps: [],
    });
    assert.deepEqual(compileFilter({ pids: [], ports: [], events: [] }), compiled);
  });

  it('each have a bit of their own', () => {
    const bits = (filter: TraceFilter) => {
      const { processFilters, tupleFilters } = compileFilter(filter);
      return [processFilters, tupleFilters];
    };
    const ports = [{ from: 1, to: 1 }];
    assert.deepEqual(bits({ pids: [1] }), [1, 0]);
    assert.deepEqual(bits({ comms: ['a'] }), [2, 0]);
    assert.deepEqual(bits({ uids: [1] }), [4, 0]);
    assert.deepEqual(bits({ cgroupIds: [1] }), [8, 0]);
    assert.deepEqual(bits({ netns: [1] }), [0, 1]);
    assert.deepEqual(bits({ ports }), [0, 2]);
    assert.deepEqual(bits({ localPorts: ports, peerPorts: ports }), [0, 12]);
    assert.deepEqual(bits({ addresses: ['::1'], localAddresses: ['::1'], peerAddresses: ['::1'] }), [0, 112]);
  });

  it('that are sets have the keys of the kernel', () => {
    assert.deepEqual(map({ pids: [258] }, 'filter_pids'), new Map([['02010000', '01']]));
    assert.deepEqual(
      map({ comms: ['nginx'] }, 'filter_comms')
        .keys()
        .next().value,
      '6e67696e780000000000000000000000',
    );
    assert.deepEqual([...map({ cgroupIds: [2 ** 40 + 1] }, 'filter_cgroups').keys()], ['0100000000010000']);
  });

  it('by port are bits of a word for each side', () => {
    const words = map({ localPorts: [{ from: 63, to: 64 }] }, 'filter_ports');
    assert.deepEqual(
      [...words],
      [
        ['00040000', '0000000000000080'],
        ['01040000', '0100000000000000'],
      ],
    );
    assert.equal(map({ ports: [{ from: 0, to: 65535 }] }, 'filter_ports').size, 1024);
  });

  it('by all of IPv6 do not pass IPv4', () => {
    const withoutIpv4 = map({ addresses: ['::/0'] }, 'filter_addresses');
    assert.equal(withoutIpv4.get('80000000000000000000000000000000' + '0000ffff00000000'), '00');
    const withIpv4 = map({ addresses: ['::/0', '0.0.0.0/0'] }, 'filter_addresses');
    assert.equal(withIpv4.get('80000000000000000000000000000000' + '0000ffff00000000'), '01');
    assert.equal(map({ addresses: ['2001:db8::/32'] }, 'filter_addresses').size, 1);
  });

  it('with wrong values are refused, and the message names the value', () => {
    const bad: TraceFilter[] = [
      { pids: [-1] },
      { pids: [1.5] },
      { comms: [''] },
      { comms: ['sixteen-bytes-xx'] },
      { comms: ['a\0b'] },
      { ports: [{ from: 2, to: 1 }] },
      { peerPorts: [{ from: 0, to: 65536 }] },
      { addresses: ['nowhere'] },
    ];
    for (const filter of bad) assert.throws(() => compileFilter(filter), OptionError, JSON.stringify(filter));
  });
});

it('only protocols that can pass the filter are hooked', () => {
  const wanted = (...args: Parameters<typeof wantedProtocols>) => Object.values(wantedProtocols(...args));
  assert.deepEqual(wanted({}), [true, false]);
  assert.deepEqual(wanted({ udp: true }), [true, true]);
  assert.deepEqual(wanted({ udp: {}, tcp: false }), [false, true]);
  assert.deepEqual(wanted({ udp: true, filter: { events: ['close'] } }), [true, false]);
  assert.deepEqual(wanted({ udp: true, filter: { events: ['udp_flow'] } }), [false, true]);
  assert.deepEqual(wanted({ udp: true, filter: { events: [] } }), [true, true]);
});

describe('the option ipv6: false', () => {
  it('passes only peers over IPv4', () => {
    assert.deepEqual(ipv4Only(), { peerAddresses: ['0.0.0.0/0'] });
    assert.deepEqual(ipv4Only({ pids: [1], peerAddresses: ['10.0.0.0/8', '2001:db8::/32', '::/0'] }), {
      pids: [1],
      peerAddresses: ['10.0.0.0/8'],
    });
    assert.throws(
      () => ipv4Only({ peerAddresses: ['::1'] }),
      /no connection can have the peer ::1 while IPv6 is off/,
    );
  });
});

describe('filters for UDP flows', () => {
  const flow: UdpFlow = {
    flow_id: '1.0',
    netns: 5,
    local: { address: '10.0.0.1', port: 4000 },
    peer: { address: '192.0.2.53', port: 53 },
    direction: 'outbound',
    process: { pid: 7, comm: 'dig', uid: 1000 },
    cgroup_id: 9,
    started_ns: 1,
    active_ns: 2,
    bytes_sent: 1,
    bytes_received: 1,
    datagrams_sent: 1,
    datagrams_received: 1,
  };
  const range = (from: number, to = from) => [{ from, to }];
  const cases: readonly (readonly [TraceFilter, boolean])[] = [
    [{}, true],
    [{ pids: [], ports: [] }, true],
    [{ pids: [1, 7] }, true],
    [{ pids: [1] }, false],
    [{ comms: ['dig'] }, true],
    [{ comms: ['di'] }, false],
    [{ uids: [1000], cgroupIds: [9], netns: [5] }, true],
    [{ uids: [0] }, false],
    [{ cgroupIds: [1] }, false],
    [{ netns: [4] }, false],
    [{ direction: 'inbound' }, false],
    [{ direction: 'outbound', ports: range(53) }, true],
    [{ ports: range(4000) }, true],
    [{ ports: range(54, 3999) }, false],
    [{ localPorts: range(53) }, false],
    [{ peerPorts: range(50, 53) }, true],
    [{ addresses: ['10.0.0.0/8'] }, true],
    [{ localAddresses: ['192.0.2.0/24'] }, false],
    [{ peerAddresses: ['192.0.2.0/24', '::1'] }, true],
    [{ peerAddresses: ['::/0'] }, false],
    [{ peerAddresses: ['0.0.0.0/0'] }, true],
    [{ events: ['udp_flow'] }, true],
  ];
  for (const [filter, expected] of cases) {
    it(`${JSON.stringify(filter)}: ${expected}`, () => assert.equal(flowFilter(filter)(flow), expected));
  }

  it('compare IPv6 addresses, and do not pass unknown values', () => {
    const ipv6 = { ...flow, local: { address: '::1', port: 1 }, peer: { address: '2001:db8::1', port: 2 } };
    assert.equal(flowFilter({ peerAddresses: ['2001:db8::/32'] })(ipv6), true);
    assert.equal(flowFilter({ peerAddresses: ['::/0'] })(ipv6), true);
    assert.equal(flowFilter({ peerAddresses: ['0.0.0.0/0'] })(ipv6), false);
    const { process: _, cgroup_id: __, ...unknown } = flow;
    for (const filter of [{ pids: [7] }, { comms: ['dig'] }, { uids: [0] }, { cgroupIds: [9] }]) {
      assert.equal(flowFilter(filter)(unknown), false);
    }
    assert.throws(() => flowFilter({ addresses: ['nowhere'] }), OptionError);
  });
});
