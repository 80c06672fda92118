import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileFilter } from '../src/filter.js';
import type { TraceFilter } from '../src/index.js';

function map(filter: TraceFilter, name: string): Map<string, string> {
  const found = compileFilter(filter).maps.find((candidate) => candidate.name === name);
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return new Map((found?.entries ?? []).map(([key, value]) => [hex(key), hex(value)]));
}

describe('filters for the kernel', () => {
  it('none: everything passes', () => {
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

  it('each has a bit of its own', () => {
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

  it('sets are keyed as the kernel has them', () => {
    assert.deepEqual(map({ pids: [258] }, 'filter_pids'), new Map([['02010000', '01']]));
    assert.deepEqual(
      map({ comms: ['nginx'] }, 'filter_comms')
        .keys()
        .next().value,
      '6e67696e780000000000000000000000',
    );
    assert.deepEqual([...map({ cgroupIds: [2 ** 40 + 1] }, 'filter_cgroups').keys()], ['0100000000010000']);
  });

  it('ports are bits of a word for each side', () => {
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

  it('all of IPv6 does not mean IPv4', () => {
    const withoutIpv4 = map({ addresses: ['::/0'] }, 'filter_addresses');
    assert.equal(withoutIpv4.get('80000000000000000000000000000000' + '0000ffff00000000'), '00');
    const withIpv4 = map({ addresses: ['::/0', '0.0.0.0/0'] }, 'filter_addresses');
    assert.equal(withIpv4.get('80000000000000000000000000000000' + '0000ffff00000000'), '01');
    assert.equal(map({ addresses: ['2001:db8::/32'] }, 'filter_addresses').size, 1);
  });

  it('bad values are named', () => {
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
    for (const filter of bad) assert.throws(() => compileFilter(filter), RangeError, JSON.stringify(filter));
  });
});
