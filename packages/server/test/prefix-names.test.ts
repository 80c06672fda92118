/** Names of networks: the longest prefix, lists, ranges of clouds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  addressBytes,
  formatAddress,
  formatPrefix,
  isWithin,
  mapPrefix,
  parseMappedPrefix,
} from '@weir/ebpf/address';
import { PeerGroups } from '../src/metrics/peer-groups.js';
import { addCloudRanges } from '../src/naming/cloud-ranges.js';
import { PeerDirectory } from '../src/naming/peer-directory.js';
import { addPrefixList } from '../src/naming/prefix-list.js';
import { PrefixTable } from '../src/naming/prefix-table.js';
import { isPublicAddress } from '../src/naming/public-address.js';
import { randomNumbers } from './support/random.js';

describe('a table of prefixes', () => {
  it('finds the longest prefix, as a search through all of them does', () => {
    const below = randomNumbers(7);
    // Few values of each byte, so that prefixes are within each other.
    const randomAddress = (length: number) =>
      Uint8Array.from({ length }, (_, index) => (index < 2 ? [10, 255][below(2)]! : below(2) * below(256)));
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
    for (let round = 0; round < 40; round++) {
      const table = new PrefixTable();
      const all: { text: string; name: string }[] = [];
      for (let count = 0; count < 60; count++) {
        const kind = below(5);
        const address =
          kind === 0 ? Uint8Array.of(...mapped, ...randomAddress(4)) : randomAddress(kind < 3 ? 4 : 16);
        const bits = kind === 0 ? below(129) : below(address.length * 8 + 1);
        const whole = address.map(
          (byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))),
        );
        const text = formatPrefix({ address: whole, bits });
        const name = `name ${count}`;
        if (table.add(text, name) === undefined) all.push({ text, name });
      }
      assert.equal(table.size, all.length);
      const sorted = all
        .map(({ text, name }) => ({ prefix: parseMappedPrefix(text), name }))
        .sort((a, b) => b.prefix.bits - a.prefix.bits);
      for (let count = 0; count < 100; count++) {
        const address = formatAddress(randomAddress(below(2) === 0 ? 4 : 16));
        const bytes = addressBytes(address);
        const whole = mapPrefix({ address: bytes, bits: bytes.length * 8 });
        const expected = sorted.find(({ prefix }) => isWithin(whole, prefix));
        assert.equal(table.find(address)?.name, expected?.name, address);
      }
    }
  });

  it('refuses what is no prefix, and bits behind it, and finds nothing for what is no address', () => {
    const table = new PrefixTable();
    for (const text of [
      '10.0.0.1/8',
      '10.0.0.0/33',
      '10.0.0/8',
      '300.0.0.0/8',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      'x',
      '',
      '::1/64',
    ])
      assert.throws(() => table.add(text, 'a'), { name: 'OptionError' }, text);
    table.add('0.0.0.0/0', 'a');
    for (const text of ['', 'x', '10.0.0', '10.0.0.256', '010.0.0.1'])
      assert.equal(table.find(text), undefined);
    assert.deepEqual(table.find('255.255.255.255'), { name: 'a', bits: 0 });
    assert.deepEqual(table.find('::ffff:10.0.0.1'), { name: 'a', bits: 0 });
  });

  it('finds one of 300,000 prefixes in a few microseconds', () => {
    const table = new PrefixTable();
    for (let number = 0; number < 300_000; number++)
      table.add(`${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.0/24`, `name ${number % 1000}`);
    const before = process.cpuUsage();
    for (let number = 0; number < 100_000; number++)
      assert.ok(table.find(`${1 + (number & 3)}.${(number >> 2) & 255}.${(number >> 10) & 255}.9`));
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 2_000_000, `${(user + system) / 100_000} µs each`);
  });
});

describe('a list of prefixes', () => {
  const read = (text: string) => {
    const table = new PrefixTable();
    addPrefixList(table, text, '/etc/networks.csv');
    return table;
  };

  it('has commas, colons or spaces between prefix and name, comments and titles', () => {
    const table = read(
      '\ufeffprefix,name\n# comment\n10.1.0.0/16,db\r\n"10.2.0.0/16","web, ""old"""\n10.3.0.0/16: cache # hot\n2001:db8::/32: lab one\n\n192.0.2.1   gate\n',
    );
    const names = ['10.1.2.3', '10.2.0.1', '10.3.9.9', '2001:db8::7', '192.0.2.1', '192.0.2.2'].map(
      (address) => table.find(address)?.name,
    );
    assert.deepEqual(names, ['db', 'web, "old"', 'cache', 'lab one', 'gate', undefined]);
  });

  it('is refused with the line of a mistake', () => {
    for (const [text, message] of [
      ['10.0.0.0/8,a\n10.0.0.1/8,b', /^\/etc\/networks\.csv:2: "10\.0\.0\.1\/8" has bits beyond its prefix/],
      ['10.0.0.0/8', /^\/etc\/networks\.csv:1: expected a prefix and a name/],
      ['\n\nhello,world', /^\/etc\/networks\.csv:3: expected a prefix and a name/],
      [`10.0.0.0/8,${'x'.repeat(65)}`, /:1: a name has 1 to 64 characters/],
      ['10.0.0.0/8,\u001b[2Jx', /:1: a name has .*control character/],
      ['10.0.0.0/8,a\n10.0.0.0/8,b', /:2: 10\.0\.0\.0\/8 is there twice, as a and b/],
    ] as const)
      assert.throws(() => read(text), { name: 'OptionError', message }, text);
  });
});

describe('ranges of clouds', () => {
  const amazon = {
    syncToken: '1',
    prefixes: [
      {
        ip_prefix: '52.94.0.0/22',
        region: 'eu-west-1',
        service: 'AMAZON',
        network_border_group: 'eu-west-1',
      },
      { ip_prefix: '52.94.0.0/22', region: 'eu-west-1', service: 'S3' },
      { ip_prefix: '3.0.0.0/15', region: 'ap-southeast-1', service: 'AMAZON' },
    ],
    ipv6_prefixes: [{ ipv6_prefix: '2600:1f00::/24', region: 'us-east-1', service: 'EC2' }],
  };
  const google = {
    creationTime: 'x',
    prefixes: [
      { ipv4Prefix: '34.80.0.0/15', service: 'Google Cloud', scope: 'asia-east1' },
      { ipv6Prefix: '2600:1900:4000::/44', service: 'Google Cloud', scope: 'us-central1' },
      { ipv4Prefix: '8.8.4.0/24' },
    ],
  };
  const microsoft = {
    cloud: 'Public',
    values: [
      {
        name: 'AzureCloud.westeurope',
        properties: {
          region: 'westeurope',
          systemService: '',
          addressPrefixes: ['13.69.0.0/17', '20.33.0.0/16'],
        },
      },
      {
        name: 'Storage.WestEurope',
        properties: {
          region: 'westeurope',
          systemService: 'AzureStorage',
          addressPrefixes: ['13.69.0.0/17'],
        },
      },
    ],
  };
  const read = (json: unknown, template = '{provider} {service} {region}') => {
    const table = new PrefixTable();
    addCloudRanges(table, JSON.stringify(json), template, 'ranges.json');
    return (address: string) => table.find(address)?.name;
  };

  it('are named by provider, service and region, the smaller service first', () => {
    const ofAmazon = read(amazon);
    assert.equal(ofAmazon('52.94.1.1'), 'aws S3 eu-west-1');
    assert.equal(ofAmazon('3.1.2.3'), 'aws AMAZON ap-southeast-1');
    assert.equal(ofAmazon('2600:1f18::1'), 'aws EC2 us-east-1');
    const ofGoogle = read(google);
    assert.equal(ofGoogle('34.81.0.1'), 'gcp asia-east1');
    assert.equal(ofGoogle('2600:1900:4000::9'), 'gcp us-central1');
    assert.equal(ofGoogle('8.8.4.4'), 'gcp');
    const ofMicrosoft = read(microsoft);
    assert.equal(ofMicrosoft('13.69.1.1'), 'azure AzureStorage westeurope');
    assert.equal(ofMicrosoft('20.33.1.1'), 'azure AzureCloud westeurope');
    assert.equal(read(amazon, '{provider}')('52.94.1.1'), 'aws');
  });

  it('are refused with the place of a mistake', () => {
    for (const [json, message] of [
      [{}, /^ranges\.json: expected Amazon's/],
      [[], /^ranges\.json: expected Amazon's/],
      [{ prefixes: [] }, /^ranges\.json: it has no ranges/],
      [{ prefixes: [{ ip_prefix: '3.0.0.1/8' }] }, /^ranges\.json: prefixes\[0\]: "3\.0\.0\.1\/8" has bits/],
      [{ prefixes: [{ ip_prefix: 5 }] }, /^ranges\.json: prefixes\[0\] has no prefix/],
      [{ values: [null] }, /addressPrefixes\[0\] has no prefix/],
      [
        { prefixes: [{ ip_prefix: '3.0.0.0/8', region: '\u0007', service: 'EC2' }] },
        /prefixes\[0\]: a name has/,
      ],
    ] as const)
      assert.throws(() => read(json), { name: 'OptionError', message });
    assert.throws(() => addCloudRanges(new PrefixTable(), '{', '{provider}', 'ranges.json'), {
      name: 'OptionError',
    });
  });
});

describe('public addresses', () => {
  it('are those that the internet routes', () => {
    const isPublic = (text: string) => isPublicAddress(text);
    assert.deepEqual(
      ['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '223.255.255.255'].filter(isPublic).length,
      5,
    );
    const others = [
      '10.1.1.1',
      '127.0.0.1',
      '100.64.1.1',
      '192.0.2.1',
      '224.0.0.1',
      '::1',
      'fe80::1',
      'fd00::1',
      'ff02::1',
    ];
    assert.deepEqual(others.filter(isPublic), []);
  });
});

describe('the label of a peer', () => {
  it('is its group where that has the longest prefix, and another one after the groups have changed', () => {
    const tableOf = (entries: Readonly<Record<string, string>>) => {
      const groups = new PrefixTable();
      for (const [prefix, name] of Object.entries(entries)) groups.add(prefix, name);
      return { groups, databases: [] };
    };
    const directory = new PeerDirectory(
      tableOf({ '10.0.0.0/8': 'inside', '10.1.0.0/16': 'db', '52.0.0.0/8': 'aws', '127.0.0.1': 'me' }),
    );
    const groups = new PeerGroups({
      addresses: ['10.0.0.0/8', '10.9.0.0/16'],
      groups: { cache: ['10.1.0.0/16', '10.1.2.0/24'] },
      directory,
    });
    const labels = () =>
      ['10.7.0.1', '10.9.0.1', '10.1.0.1', '10.1.2.1', '52.1.1.1', '53.1.1.1', '127.0.0.1', '::1'].map(
        (each) => groups.labelOf(each),
      );
    assert.deepEqual(labels(), ['inside', '10.9.0.1', 'cache', 'cache', 'aws', 'external', 'me', 'loopback']);
    directory.update(tableOf({ '53.0.0.0/8': 'later' }));
    assert.deepEqual(labels(), [
      '10.7.0.1',
      '10.9.0.1',
      'cache',
      'cache',
      'external',
      'later',
      'loopback',
      'loopback',
    ]);
  });
});
