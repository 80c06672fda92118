import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf';
import { AddressFormatter, parsePrefix } from '../src/records/address.js';

function bytes(hex: string): DataView {
  return new DataView(Uint8Array.from(Buffer.from(hex, 'hex')).buffer);
}

describe('addresses', () => {
  const addresses = new AddressFormatter();

  it('IPv4 comes mapped and is shown as IPv4', () => {
    assert.equal(addresses.format(bytes('00000000000000000000ffffc0a80001'), 0), '192.168.0.1');
    assert.equal(addresses.format(bytes('00000000000000000000ffffffffffff'), 0), '255.255.255.255');
  });

  it('IPv6 is shown as RFC 5952 wants', () => {
    assert.equal(addresses.format(bytes('20010db8000000000001000000000001'), 0), '2001:db8::1:0:0:1');
    assert.equal(addresses.format(bytes('00000000000000000000000000000001'), 0), '::1');
    assert.equal(addresses.format(bytes('00000000000000000000000000000000'), 0), '::');
  });

  it('an offset is respected, the cache too', () => {
    const view = bytes(`ff${'00000000000000000000ffff01020304'}`);
    assert.equal(addresses.format(view, 1), '1.2.3.4');
    assert.equal(addresses.format(view, 1), '1.2.3.4');
  });
});

describe('prefixes', () => {
  it('IPv4 lies 96 bits deep', () => {
    const { address, bits, ipv4 } = parsePrefix('10.0.0.0/8');
    assert.equal(Buffer.from(address).toString('hex'), '00000000000000000000ffff0a000000');
    assert.deepEqual([bits, ipv4], [104, true]);
    assert.equal(parsePrefix('192.0.2.1').bits, 128);
    assert.equal(parsePrefix('0.0.0.0/0').bits, 96);
  });

  it('IPv6', () => {
    const { address, bits, ipv4 } = parsePrefix('2001:db8::/32');
    assert.equal(Buffer.from(address).toString('hex'), '20010db8000000000000000000000000');
    assert.deepEqual([bits, ipv4], [32, false]);
  });

  it('what is wrong is named', () => {
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
    }
    assert.throws(() => parsePrefix('10.1.0.0/8'), /10\.0\.0\.0\/8 would be right/);
    assert.throws(() => parsePrefix('2001:db8::1/32'), /2001:db8::\/32 would be right/);
  });
});
