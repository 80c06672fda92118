/** The hashes, against published vectors and those of the balancers that this one can stand beside. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { flowHash, flowSlot } from '../src/datapath/hash/flow.js';
import { jhash, jhash2Words } from '../src/datapath/hash/jhash.js';
import { murmur3Pair } from '../src/datapath/hash/murmur3.js';
import { addressSeed, fnv32 } from '../src/datapath/hash/seed.js';
import { spooky128 } from '../src/datapath/hash/spooky.js';

describe('flow hash', () => {
  it('the flow hash gives the known hash and slot', () => {
    const flow = { source: '192.168.1.1', sourcePort: 31337, destinationPort: 80 };
    assert.equal(flowHash(flow), 3353773618);
    assert.equal(flowSlot(flow), 48717);
  });

  it('the flow hash depends on the largest number of VIPs', () => {
    // MAX_VIPS of 4096: S is 4096 * 65537, and the hash of an IPv6 address starts with 4096.
    const ports = 0x697a | (0x5000 << 16);
    const flow = { sourcePort: 31337, destinationPort: 80, hashMaxVips: 4096 };
    assert.equal(flowHash({ ...flow, source: '192.168.1.1' }), jhash2Words(0x0101a8c0, ports, 4096 * 65537));
    const bytes = new Uint8Array(16);
    bytes.set([0xfc, 0], 0);
    bytes[15] = 1;
    assert.equal(
      flowHash({ ...flow, source: 'fc00::1' }),
      jhash2Words(jhash(bytes, 4096), ports, 4096 * 65537),
    );
  });

  it('the flow hash distinguishes families, sources and ports', () => {
    const base = { source: 'fc00::1', sourcePort: 31337, destinationPort: 80 };
    const flows = [
      base,
      { ...base, source: 'fc00::2' },
      { ...base, source: '192.0.2.1' },
      { ...base, sourcePort: 31338 },
      { ...base, destinationPort: 81 },
    ];
    assert.equal(new Set(flows.map(flowHash)).size, flows.length);
  });

  it('jhash of two words equals jhash of their bytes', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    assert.equal(jhash(bytes, 77), jhash2Words(0x04030201, 0x08070605, 77));
  });

  it('jhash accepts any length', () => {
    const hashes = Array.from({ length: 64 }, (_, length) => jhash(new Uint8Array(length), 0));
    assert.equal(new Set(hashes).size, 64);
  });
});

describe('seeds', () => {
  it('seeds of IPv4 addresses are the known ones', () => {
    assert.equal(addressSeed('10.0.0.1'), 15452190748042156372n);
    assert.equal(addressSeed('10.0.0.2'), 3230249507672883833n);
    assert.equal(addressSeed('10.0.0.3'), 7977179616151763037n);
  });

  it('seeds give reals their known places', () => {
    const seed = 15452190748042156372n;
    assert.equal(murmur3Pair(seed, 42n, 0n) % 65537n, 4577n);
    assert.equal((murmur3Pair(seed, 2718281828n, 2307n) % 65536n) + 1n, 18292n);
  });

  it('FNV sign-extends bytes above 127', () => {
    assert.equal(fnv32(Uint8Array.of(0x61)), 0x050c5d7e);
    assert.equal(fnv32(Uint8Array.of(0x80)), (0x050c5d1f ^ 0xffffff80) >>> 0);
  });

  it('seeds of IPv6 addresses differ', () => {
    const seeds = Array.from({ length: 256 }, (_, i) => addressSeed(`fc00::${i.toString(16)}`));
    assert.equal(new Set(seeds).size, 256);
  });
});

describe('SpookyHash', () => {
  it('SpookyHash gives the published 32 bits for 128, 129, 130 …', () => {
    const message = Uint8Array.from({ length: 48 }, (_, i) => 128 + i);
    const published = [
      [16, 0xf274736c],
      [32, 0xe5cfc8b6],
      [48, 0x390e5fdc],
    ] as const;
    for (const [length, hash] of published) {
      const [low] = spooky128(message.subarray(0, length));
      assert.equal(Number(BigInt.asUintN(32, low)), hash, `${length} bytes`);
    }
  });

  it('SpookyHash accepts only multiples of 16 bytes', () => {
    for (const length of [0, 8, 17, 192]) assert.throws(() => spooky128(new Uint8Array(length)), OptionError);
    assert.notDeepEqual(spooky128(new Uint8Array(16)), spooky128(new Uint8Array(32)));
  });
});
