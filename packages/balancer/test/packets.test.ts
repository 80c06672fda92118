/** Capture files and frames, from bytes that are built here. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeFrame,
  pcapngHeader,
  pcapngPacket,
  pcapngStatistics,
  readPackets,
} from '../src/packets/index.js';
import {
  address,
  BALANCER_MAC,
  CLIENT_MAC,
  ethernet,
  ipPacket,
  ipv4,
  ipv6,
  type Packet,
  u16,
  u32,
} from './support/packet.js';

const packet: Packet = {
  source: '192.0.2.1',
  sourcePort: 31337,
  destination: '198.51.100.1',
  destinationPort: 80,
  protocol: 'tcp',
  flags: ['syn', 'ack'],
};

function le32(value: number): number[] {
  return u32(value).toReversed();
}

test('pcap files of both byte orders and resolutions are read, with packets that are cut off', () => {
  const frames = [
    [1, 2, 3],
    [4, 5, 6, 7],
  ];
  for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
    for (const word of [u32, le32]) {
      const half = word === u32 ? u16 : (value: number) => u16(value).toReversed();
      const records = frames.flatMap((frame, i) =>
        [1, 2, frame.length, i === 0 ? 3 : 60].flatMap(word).concat(frame),
      );
      const file = [...word(magic), ...half(2), ...half(4), ...[0, 0, 65_535, 1].flatMap(word), ...records];
      const packets = readPackets(Uint8Array.from(file)).map(({ bytes, length }) => [[...bytes], length]);
      assert.deepEqual(packets, [
        [[1, 2, 3], 3],
        [[4, 5, 6, 7], 60],
      ]);
    }
  }
});

test('written pcapng files are read again, also with other blocks', () => {
  const other = Uint8Array.from([...le32(0xbad), ...le32(16), 1, 2, 3, 4, ...le32(16)]);
  const bytes = Uint8Array.of(1, 2, 3, 4, 5);
  const file = Buffer.concat([
    pcapngHeader('eth0', 'weir'),
    other,
    pcapngPacket({ timeNs: 2n ** 60n + 5n, bytes, length: 60, comment: 'tx: ring' }),
    pcapngStatistics(2n ** 60n, 7),
  ]);
  assert.deepEqual(
    readPackets(file).map((read) => [[...read.bytes], read.length]),
    [[[1, 2, 3, 4, 5], 60]],
  );
});

test('a pcapng packet has the expected bytes', () => {
  const timeNs = (0x01020304n << 32n) + 5n;
  const written = pcapngPacket({ timeNs, bytes: Uint8Array.of(1, 2, 3), length: 9, comment: 'hello' });
  const body = [...le32(0), ...le32(0x01020304), ...le32(5), ...le32(3), ...le32(9), 1, 2, 3, 0];
  const comment = [1, 0, 5, 0, ...Buffer.from('hello'), 0, 0, 0, 0, 0, 0, 0];
  const size = le32(12 + body.length + comment.length);
  assert.deepEqual([...written], [...le32(6), ...size, ...body, ...comment, ...size]);
});

test('a simple packet block in a big-endian section is read', () => {
  const block = (type: number, body: number[]) => [
    ...u32(type),
    ...u32(12 + body.length),
    ...body,
    ...u32(12 + body.length),
  ];
  const section = block(0x0a0d0d0a, [
    ...u32(0x1a2b3c4d),
    ...u16(1),
    ...u16(0),
    ...u32(0xffffffff),
    ...u32(0xffffffff),
  ]);
  const file = [...section, ...block(1, [...u16(1), 0, 0, ...u32(3)]), ...block(3, [...u32(9), 1, 2, 3, 0])];
  assert.deepEqual(
    readPackets(Uint8Array.from(file)).map(({ bytes, length }) => [[...bytes], length]),
    [[[1, 2, 3], 9]],
  );
});

test('other files, and files damaged at any byte, are refused with FormatError', () => {
  const file = Buffer.concat([
    pcapngHeader('eth0', 'weir'),
    pcapngPacket({ timeNs: 0n, bytes: new Uint8Array(8), length: 8, comment: 'x' }),
  ]);
  assert.throws(() => readPackets(Buffer.alloc(30)), /expected pcap or pcapng/);
  for (let size = 0; size < file.length; size++) {
    try {
      readPackets(file.subarray(0, size));
    } catch (error) {
      assert.equal((error as Error).name, 'FormatError');
    }
  }
  const wlan = Uint8Array.from([0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, ...[0, 0, 65_535, 105].flatMap(u32)]);
  assert.throws(() => readPackets(wlan), /link type 105: expected Ethernet/);
});

function layers(type: number, payload: readonly number[]): string[] {
  const frame = Uint8Array.from(ethernet(BALANCER_MAC, CLIENT_MAC, type, payload));
  return decodeFrame(frame).map(({ layer }) => layer);
}

test('a TCP segment is decoded', () => {
  const frame = Uint8Array.from(
    ethernet(BALANCER_MAC, CLIENT_MAC, 0x0800, ipPacket({ ...packet, tos: 8, payload: [1, 2] })),
  );
  assert.deepEqual(decodeFrame(frame), [
    { layer: 'ethernet', source: '02:00:00:00:00:02', destination: '02:00:00:00:00:01', type: 0x0800 },
    {
      layer: 'ipv4',
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 6,
      ttl: 64,
      tos: 8,
      length: 42,
    },
    { layer: 'tcp', sourcePort: 31337, destinationPort: 80, flags: ['syn', 'ack'] },
    { layer: 'data', bytes: 2 },
  ]);
});

test('packets in tunnels are decoded', () => {
  const inner4 = ipPacket(packet);
  const inner6 = ipPacket({ ...packet, source: '2001:db8::1', destination: '2001:db8::2', protocol: 'udp' });
  assert.deepEqual(layers(0x0800, ipv4('172.16.0.1', '10.0.0.1', 4, inner4)), [
    'ethernet',
    'ipv4',
    'ipv4',
    'tcp',
  ]);
  assert.deepEqual(layers(0x86dd, ipv6('100::1', 'fd00::1', 41, inner6)), [
    'ethernet',
    'ipv6',
    'ipv6',
    'udp',
  ]);
  assert.deepEqual(layers(0x86dd, ipv6('100::1', 'fd00::1', 4, inner4)), ['ethernet', 'ipv6', 'ipv4', 'tcp']);
  const gue = (inner: number[]) => [...u16(1), ...u16(6080), ...u16(8 + inner.length), 0, 0, ...inner];
  assert.deepEqual(layers(0x0800, ipv4('172.16.0.1', '10.0.0.1', 17, gue(inner6))), [
    'ethernet',
    'ipv4',
    'udp',
    'ipv6',
    'udp',
  ]);
  assert.deepEqual(layers(0x0800, ipv4('172.16.0.1', '10.0.0.1', 17, gue([0, 1]))), [
    'ethernet',
    'ipv4',
    'udp',
    'data',
  ]);
});

test('ICMP errors are decoded with the packet that they quote; cut off bytes are data', () => {
  const unreachable = ipv4('192.0.2.9', '198.51.100.1', 1, [
    3,
    3,
    0,
    0,
    0,
    0,
    0,
    0,
    ...ipPacket(packet).slice(0, 28),
  ]);
  assert.deepEqual(layers(0x0800, unreachable), ['ethernet', 'ipv4', 'icmp', 'ipv4', 'data']);
  assert.deepEqual(layers(0x86dd, ipv6('fd00::1', 'fd00::2', 58, [128, 0, 0, 0, 0, 0, 0, 0])), [
    'ethernet',
    'ipv6',
    'icmpv6',
  ]);
  assert.deepEqual(layers(0x0806, [1, 2]), ['ethernet', 'data']);
  const frame = Uint8Array.from(ethernet(BALANCER_MAC, CLIENT_MAC, 0x0800, ipPacket(packet)));
  for (let size = 0; size <= frame.length; size++) decodeFrame(frame.subarray(0, size));
  assert.deepEqual(decodeFrame(Uint8Array.from([...address('1.2.3.4'), 1])), [{ layer: 'data', bytes: 5 }]);
});
