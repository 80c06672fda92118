/** Server ids in QUIC connection ids, TCP options and stable UDP headers. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import type { Balancer } from '../../src/index.js';
import {
  choice,
  counted,
  goesTo,
  open,
  REALS4,
  REALS6,
  services,
  tcp4,
  tcp6,
  udp4,
  udp6,
} from '../support/open-balancer.js';
import { frameOf, type Packet } from '../support/packet.js';

const byId = '10.7.7.7';
const byId6 = 'fd00:0:0:0:0:0:7:7';

/** A packet that an id may send to a real that is not in the ring. */
function expectId(balancer: Balancer, packet: Packet, real: string | undefined, reason: string): void {
  if (real !== undefined) assert.equal(choice(balancer, packet), `${reason} ${real}`);
  else assert.match(choice(balancer, packet), /^(ring|flow-table) /);
}

const filler = [0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7];

describe('QUIC', () => {
  const short = (id: readonly number[]) => [0x40, ...id, ...filler].slice(0, 12);
  const long = (type: number, id: readonly number[], length = 8) => [
    ...[0xc0 | type, 0, 0, 0, 1, length],
    ...[...id, ...filler].slice(0, 8),
  ];
  /** Connection ids with the server ids 0xabcd, 0xabcdef, 0xfedcba98. */
  const v1 = [0x40 | (0xabcd >> 10), (0xabcd >> 2) & 0xff, (0xabcd & 3) << 6];
  const v2 = [0x80, 0xab, 0xcd, 0xef];
  const v3 = [0xc0, 0xfe, 0xdc, 0xba, 0x98];

  for (const [udp, real] of [
    [udp4, byId],
    [udp6, byId6],
  ] as const) {
    it(`QUIC ids of each version name their real over IPv${real === byId ? 4 : 6}`, () => {
      const balancer = open();
      services(balancer, 80, ['quic']);
      for (const id of [0xabcd, 0xabcdef, 0xfedcba98]) balancer.setServerId(id, real);
      for (const id of [v1, v2, v3]) {
        expectId(balancer, { ...udp, payload: short(id) }, real, 'quic-id');
        expectId(balancer, { ...udp, payload: long(0x20, id) }, real, 'quic-id');
        expectId(balancer, { ...udp, payload: long(0x30, id) }, real, 'quic-id');
        expectId(balancer, { ...udp, payload: long(0x00, id) }, undefined, '');
        expectId(balancer, { ...udp, payload: long(0x10, id) }, undefined, '');
        expectId(balancer, { ...udp, payload: long(0x20, id, 7) }, undefined, '');
        for (let bytes = 0; bytes < 9; bytes++) {
          expectId(balancer, { ...udp, payload: short(id).slice(0, bytes) }, undefined, '');
        }
        for (let bytes = 1; bytes < 14; bytes++) {
          expectId(balancer, { ...udp, payload: long(0x20, id).slice(0, bytes) }, undefined, '');
        }
      }
    });
  }

  it('the ring decides for unknown QUIC ids, id 0 and version 0', () => {
    const balancer = open();
    services(balancer, 80, ['quic']);
    balancer.setServerId(1, byId);
    for (const id of [[0, 0, 0, 1], [0x80, 0, 0, 0], v2, [0x40, 0, 0]]) {
      expectId(balancer, { ...udp4, payload: short(id) }, undefined, '');
    }
    balancer.setServerId(1, undefined);
    expectId(balancer, { ...udp4, payload: short([0x80, 0, 0, 1]) }, undefined, '');
    for (const id of [0, -1, 2 ** 32, 1.5]) assert.throws(() => balancer.setServerId(id, byId), OptionError);
  });

  it('outcomes of QUIC ids are counted', () => {
    const balancer = open();
    services(balancer, 80, ['quic']);
    balancer.setServerId(0xabcdef, byId);
    const count = (payload: number[]) => {
      const counts = counted(balancer, () => balancer.process(framed(payload)));
      return Object.keys(counts).find((name) => name.startsWith('quic'));
    };
    const framed = (payload: number[]) => frameOf({ ...udp4, payload });
    assert.equal(count(short(v2)), 'quicId');
    assert.equal(count(short(v1)), 'quicUnknownId');
    assert.equal(count(short([0, 0, 0])), 'quicWithoutId');
    assert.equal(count(long(0, v2)), 'quicInitial');
  });

  it('a known QUIC id moves the flow, which then needs no id', () => {
    const balancer = open();
    services(balancer, 80, ['quic']);
    goesTo(balancer, { ...udp4, payload: long(0, v2) }, choice(balancer, udp4).split(' ')[1]!);
    for (const real of REALS4) {
      balancer.setServerId(0xabcdef, real);
      goesTo(balancer, { ...udp4, payload: short(v2) }, real);
      assert.equal(choice(balancer, udp4), `flow-table ${real}`);
    }
  });

  it('QUIC ids count only in services with the flag quic', () => {
    const balancer = open();
    services(balancer, 80);
    balancer.setServerId(0xabcdef, byId);
    expectId(balancer, { ...udp4, payload: short(v2) }, undefined, '');
  });
});

describe('TCP server ids', () => {
  const option = [0xb7, 6, 0x98, 0xba, 0xdc, 0xfe];
  const padded = (bytes: readonly number[]) => [
    ...bytes,
    ...new Array<number>((4 - (bytes.length % 4)) % 4).fill(0),
  ];

  it('TCP server ids name their real in any of the first fifteen options', () => {
    const balancer = open({ tcpServerIds: true });
    services(balancer, 80);
    balancer.setServerId(0xfedcba98, byId);
    const nothing = (count: number) => new Array<number>(count).fill(1);
    const cases: [number[], boolean][] = [
      [option, true],
      [[...nothing(14), ...option], true],
      [[...nothing(15), ...option], false],
      [[8, 10, 1, 2, 3, 4, 5, 6, 7, 8, ...option], true],
      [[0, ...option], false],
      [[8, 1, ...option], false],
      [[8, 0, ...option], false],
      [[0xb7, 5, 0x98, 0xba, 0xdc, 0xfe], false],
      [[...nothing(2), 0xb7, 6], false],
      [[8, 40, ...option], false],
      [[2, 4, 5, 0xb4, 1, 1, ...option, ...nothing(20)], true],
    ];
    for (const [options, found] of cases) {
      for (const packet of [tcp4, tcp6]) {
        const reply = { ...packet, tcpOptions: padded(options) };
        expectId(balancer, reply, found ? byId : undefined, 'server-id');
      }
    }
    expectId(balancer, { ...tcp4, tcpOptions: padded(option), flags: ['syn'] }, undefined, '');
  });

  it('TCP server ids count only with the option tcpServerIds', () => {
    const balancer = open();
    services(balancer, 80);
    balancer.setServerId(0xfedcba98, byId);
    expectId(balancer, { ...tcp4, tcpOptions: padded(option) }, undefined, '');
  });

  it('TCP server ids move the flow, and are counted', () => {
    const balancer = open({ tcpServerIds: true });
    services(balancer, 80);
    for (const real of REALS6) {
      balancer.setServerId(0xfedcba98, real);
      const counts = counted(balancer, () => goesTo(balancer, { ...tcp6, tcpOptions: padded(option) }, real));
      assert.deepEqual(counts, { packets: 1, transmitted: 1, serverId: 1 });
      assert.equal(choice(balancer, tcp6), `flow-table ${real}`);
    }
    // A flow is known by its id's real, which need not belong to the service.
    balancer.setServerId(0xfedcba98, byId);
    goesTo(balancer, { ...tcp4, tcpOptions: padded(option) }, byId);
    assert.equal(choice(balancer, tcp4), `flow-table ${byId}`);
    balancer.setServerId(0xfedcba98, undefined);
    const unknown = counted(balancer, () =>
      balancer.process(frameOf({ ...tcp6, tcpOptions: padded(option) })),
    );
    assert.equal(unknown.serverUnknownId, 1);
    assert.equal(counted(balancer, () => balancer.process(frameOf(tcp6))).serverWithoutId, 1);
  });
});

describe('stable UDP', () => {
  const header = [0x52, 0xab, 0xcd, 0xef, 0, 0, 0, 0];

  it('stable UDP headers name their real', () => {
    const balancer = open();
    services(balancer, 80, ['stableUdp']);
    balancer.setServerId(0xabcdef, byId);
    expectId(balancer, { ...udp4, payload: header }, byId, 'stable-udp');
    for (let bytes = 0; bytes < 8; bytes++) {
      expectId(balancer, { ...udp4, payload: header.slice(0, bytes) }, undefined, '');
    }
    expectId(balancer, { ...udp4, payload: [0x53, ...header.slice(1)] }, undefined, '');
    const count = (payload: number[]) =>
      counted(balancer, () => balancer.process(frameOf({ ...udp4, payload })));
    assert.equal(count(header).stableUdp, 1);
    assert.equal(count([0x52, 0, 0, 9, 0, 0, 0, 0]).stableUdpUnknownId, 1);
    assert.equal(count([0x51]).stableUdpWithoutId, 1);
  });
});

describe('a real that nobody refers to', () => {
  it('a real is forgotten with the last id that names it', () => {
    const balancer = open();
    balancer.setServerId(5, byId);
    balancer.setServerId(6, byId);
    balancer.setServerId(5, undefined);
    assert.deepEqual(
      balancer.reals().map(({ address }) => address),
      [byId],
    );
    balancer.setServerId(6, undefined);
    assert.deepEqual(balancer.reals(), []);
  });
});
