import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AddressFormatter,
  addressBytes,
  canonicalAddress,
  canonicalPrefix,
  covers,
  formatAddress,
  formatPrefix,
  isAddress,
  isWithin,
  parseMappedPrefix,
  parseNetwork,
  parsePrefix,
} from '../src/address/index.js';
import { OptionError } from '../src/errors.js';
import { randomSource } from './support/random.js';

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('addressBytes', () => {
  const hex = (address: string) => hexOf(addressBytes(address));

  it('reads both families', () => {
    assert.equal(hex('192.0.2.255'), 'c00002ff');
    assert.equal(hex('::'), '0'.repeat(32));
    assert.equal(hex('::1'), `${'0'.repeat(31)}1`);
    assert.equal(hex('2001:db8::8:0:1'), '20010db8000000000000000800000001');
    assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
    assert.equal(hex('::ffff:192.0.2.1'), '00000000000000000000ffffc0000201');
    assert.equal(hex('fe80::'), `fe80${'0'.repeat(28)}`);
  });

  it('reads a dotted end as two words, whatever stands before it', () => {
    assert.equal(hex('::192.0.2.1'), `${'0'.repeat(24)}c0000201`);
    assert.equal(hex('64:ff9b::192.0.2.1'), '0064ff9b0000000000000000c0000201');
    assert.equal(hex('1:2:3:4:5:6:192.0.2.1'), '000100020003000400050006c0000201');
  });

  it('refuses what is no address, as isAddress does', () => {
    for (const wrong of ['', '1.2.3', '1.2.3.256', '010.1.1.1', ':::', 'fe80::1%lo', 'localhost', '0x7f.1']) {
      assert.throws(() => addressBytes(wrong), OptionError, wrong);
      assert.equal(isAddress(wrong), false, wrong);
    }
    assert.ok(isAddress('1.2.3.4') && isAddress('fe80::1'));
  });
});

describe('text of addresses', () => {
  it('is that which RFC 5952 recommends, and reads back', () => {
    assert.equal(formatAddress(Uint8Array.of(192, 0, 2, 1)), '192.0.2.1');
    assert.equal(formatAddress(addressBytes('2001:DB8:0:0:1:0:0:1')), '2001:db8::1:0:0:1');
    const random = randomSource(1);
    for (let round = 0; round < 2000; round++) {
      const bytes = Uint8Array.from({ length: 16 }, () => (random() < 0.6 ? 0 : Math.floor(random() * 256)));
      assert.deepEqual(addressBytes(formatAddress(bytes)), bytes);
      // The URL parser of Node.js follows the same rules.
      const words = Array.from({ length: 8 }, (_, i) =>
        ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
      );
      assert.equal(`[${formatAddress(bytes)}]`, new URL(`http://[${words.join(':')}]`).hostname);
    }
  });

  it('is one for all spellings of an address or a prefix', () => {
    assert.equal(canonicalAddress('2001:DB8:0::1'), '2001:db8::1');
    assert.equal(canonicalAddress('192.0.2.1'), '192.0.2.1');
    assert.notEqual(canonicalAddress('::ffff:192.0.2.1'), '192.0.2.1');
    assert.equal(canonicalPrefix('2001:DB8::/32'), canonicalPrefix('2001:db8:0::/32'));
    assert.equal(canonicalPrefix('192.0.2.1'), '192.0.2.1/32');
    assert.throws(() => canonicalAddress('x'), OptionError);
  });
});

describe('AddressFormatter', () => {
  const addresses = new AddressFormatter();
  const bytes = (hex: string) => new DataView(Uint8Array.from(Buffer.from(hex, 'hex')).buffer);

  it('shows mapped IPv4 as IPv4', () => {
    assert.equal(addresses.format(bytes('00000000000000000000ffffc0a80001'), 0), '192.168.0.1');
    assert.equal(addresses.format(bytes('00000000000000000000ffffffffffff'), 0), '255.255.255.255');
  });

  it('shows IPv6 as RFC 5952 recommends', () => {
    assert.equal(addresses.format(bytes('20010db8000000000001000000000001'), 0), '2001:db8::1:0:0:1');
    assert.equal(addresses.format(bytes('00000000000000000000000000000001'), 0), '::1');
    assert.equal(addresses.format(bytes('00000000000000000000000000000000'), 0), '::');
  });

  it('reads at the offset, from the cache too', () => {
    const view = bytes(`ff${'00000000000000000000ffff01020304'}`);
    assert.equal(addresses.format(view, 1), '1.2.3.4');
    assert.equal(addresses.format(view, 1), '1.2.3.4');
  });
});

describe('prefixes', () => {
  it('are read with their length, which a bare address has as a whole', () => {
    assert.deepEqual(parsePrefix('10.0.0.0/8'), { address: Uint8Array.of(10, 0, 0, 0), bits: 8 });
    assert.deepEqual(parsePrefix('192.0.2.1'), { address: Uint8Array.of(192, 0, 2, 1), bits: 32 });
    assert.equal(parsePrefix('2001:db8::1').bits, 128);
    assert.equal(formatPrefix(parsePrefix('2001:db8:0::/32')), '2001:db8::/32');
  });

  it('of IPv4 lie 96 bits deep in the space of both families', () => {
    const { address, bits, ipv4 } = parseMappedPrefix('10.0.0.0/8');
    assert.equal(hexOf(address), '00000000000000000000ffff0a000000');
    assert.deepEqual([bits, ipv4], [104, true]);
    assert.equal(parseMappedPrefix('192.0.2.1').bits, 128);
    assert.equal(parseMappedPrefix('0.0.0.0/0').bits, 96);
    assert.equal(parseMappedPrefix('::ffff:10.0.0.0/104').ipv4, true);
  });

  it('of IPv6 lie as they are in the space of both families', () => {
    const { address, bits, ipv4 } = parseMappedPrefix('2001:db8::/32');
    assert.equal(hexOf(address), '20010db8000000000000000000000000');
    assert.deepEqual([bits, ipv4], [32, false]);
    assert.equal(parseMappedPrefix('::192.0.2.1').ipv4, false);
  });

  it('that are wrong are refused with what is wrong', () => {
    for (const text of [
      '',
      'x',
      '10.0.0',
      '1.2.3.4/33',
      '::/129',
      '1.2.3.4/',
      '1.2.3.4/8/8',
      '1.2.3.4/-1',
      'fe80::1%eth0',
      '010.1.1.1',
    ]) {
      assert.throws(() => parsePrefix(text), OptionError, text);
      assert.throws(() => parseNetwork(text), OptionError, text);
    }
    assert.throws(() => parsePrefix('10.1.0.0/8'), /10\.0\.0\.0\/8 would be right/);
    assert.throws(() => parsePrefix('2001:db8::1/32'), /2001:db8::\/32 would be right/);
    assert.throws(() => parsePrefix('1.2.3.4/33'), /a prefix of IPv4 has 0 to 32 bits/);
    assert.throws(() => parsePrefix('example.org'), /such as 192\.0\.2\.1, 10\.0\.0\.0\/8/);
  });

  it('can be named by any address in them where networks are asked for', () => {
    assert.deepEqual(parseNetwork('10.1.255.3/20'), parsePrefix('10.1.240.0/20'));
    assert.deepEqual(parseNetwork('255.255.255.255/1'), parsePrefix('128.0.0.0/1'));
    assert.deepEqual(parseNetwork('fd00::ffff/8'), parsePrefix('fd00::/8'));
  });

  it('cover what has the same leading bits', () => {
    const check = (outer: string, inner: string) => covers(parsePrefix(outer), parsePrefix(inner));
    assert.ok(check('10.0.0.0/8', '10.1.0.0/16'));
    assert.ok(check('10.0.0.0/15', '10.1.2.3'));
    assert.ok(!check('10.0.0.0/15', '10.2.0.0'));
    assert.ok(check('0.0.0.0/0', '255.0.0.0/8'));
    assert.ok(!check('10.1.0.0/16', '10.0.0.0/8'), 'the larger one is not in the smaller');
    assert.ok(check('192.0.2.1', '192.0.2.1'));
  });

  it('of IPv6 have no IPv4 address within, unless they are mapped ones', () => {
    const within = (address: string, prefix: string) =>
      isWithin(parseMappedPrefix(address), parseMappedPrefix(prefix));
    assert.ok(!within('192.0.2.1', '::/0'));
    assert.ok(within('192.0.2.1', '::ffff:0:0/96'));
    assert.ok(within('192.0.2.1', '0.0.0.0/0'));
    assert.ok(within('2001:db8::1', '::/0'));
    assert.ok(!within('2001:db8::1', '0.0.0.0/0'));
  });
});
