/** Files in MaxMind's format. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GeoDatabase } from '../src/naming/geo-database.js';
import { countries, mmdb, systems } from './support/mmdb.js';
import { randomNumbers } from './support/random.js';

describe('a geo database', () => {
  it('has the country or the autonomous system of an address', () => {
    const country = new GeoDatabase(
      countries({ '1.0.0.0/8': 'de', '1.2.0.0/16': 'FR' }),
      'country',
      'c.mmdb',
    );
    assert.deepEqual(
      ['1.1.1.1', '1.2.3.4', '2.1.1.1', '2606::1'].map((address) => country.find(address)),
      [{ country: 'DE' }, { country: 'FR' }, {}, {}],
    );
    const asn = new GeoDatabase(
      systems({ '8.8.0.0/16': [15_169, 'GOOGLE'], '9.0.0.0/8': [7, ''] }),
      'asn',
      'a.mmdb',
    );
    assert.deepEqual(asn.find('8.8.8.8'), { asn: 15_169, asOrg: 'GOOGLE' });
    assert.deepEqual(asn.find('9.9.9.9'), { asn: 7 });
  });

  it('has records of other publishers, too', () => {
    const record = { country: 'NL', country_code: 'NL', asn: 'AS1103', as_name: 'SURF B.V.' };
    const bytes = mmdb({ '145.0.0.0/8': record }, 'lite');
    assert.deepEqual(new GeoDatabase(bytes, 'country', 'x').find('145.1.1.1'), { country: 'NL' });
    assert.deepEqual(new GeoDatabase(bytes, 'asn', 'x').find('145.1.1.1'), { asn: 1103, asOrg: 'SURF B.V.' });
  });

  it('gives nothing that a row could not have', () => {
    const hostile = {
      autonomous_system_number: 5,
      autonomous_system_organization: `a\\b\u001b[2J${'x'.repeat(300)}`,
    };
    const asn = new GeoDatabase(mmdb({ '5.0.0.0/8': hostile }, 'x'), 'asn', 'x');
    const { asOrg } = asn.find('5.5.5.5');
    assert.ok(asOrg!.startsWith('a\\\\b') && asOrg!.length < 140, asOrg);
    const odd = { country: { iso_code: '<b>' }, registered_country: { iso_code: 'us' } };
    const none = { country: { iso_code: '\u0000\u0000' } };
    const country = new GeoDatabase(mmdb({ '5.0.0.0/8': odd, '6.0.0.0/8': none }, 'x'), 'country', 'x');
    assert.deepEqual([country.find('5.5.5.5'), country.find('6.6.6.6')], [{ country: 'US' }, {}]);
  });

  it('of another kind or format is refused', () => {
    const file = '/var/lib/x.mmdb';
    const refused = (bytes: Buffer, kind: 'asn' | 'country', message: RegExp) =>
      assert.throws(() => new GeoDatabase(bytes, kind, file), { name: 'OptionError', message });
    refused(
      countries({ '1.0.0.0/8': 'DE' }),
      'asn',
      /^\/var\/lib\/x\.mmdb: it has no autonomous systems, its type is "Test-Country"/,
    );
    refused(systems({ '1.0.0.0/8': [1, 'x'] }), 'country', /it has no countries, its type is "Test-ASN"/);
    refused(Buffer.from('hello'), 'country', /expected a file in MaxMind's format/);
    refused(Buffer.alloc(0), 'country', /expected a file in MaxMind's format/);
  });

  it('that is damaged is refused, or answers with what a row can have, soon', () => {
    const below = randomNumbers(11);
    const whole = mmdb(
      Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [
          `${index + 1}.0.0.0/8`,
          {
            country: { iso_code: 'DE' },
            autonomous_system_number: index,
            autonomous_system_organization: 'x y',
          },
        ]),
      ),
      'both',
    );
    const before = process.cpuUsage();
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(below(4) === 0 ? whole.subarray(0, below(whole.length)) : whole);
      for (let count = 0; count < 8 && bytes.length > 0; count++) bytes[below(bytes.length)] = below(256);
      for (const kind of ['country', 'asn'] as const) {
        let database: GeoDatabase;
        try {
          database = new GeoDatabase(bytes, kind, 'x');
        } catch (error) {
          assert.equal((error as Error).name, 'OptionError');
          continue;
        }
        for (let count = 0; count < 20; count++) {
          const { country = 'AA', asn = 1, asOrg = '' } = database.find(`${1 + below(45)}.1.1.1`);
          assert.match(country, /^[A-Z]{2}$/);
          assert.ok(Number.isInteger(asn) && asn > 0 && asn < 2 ** 32);
          assert.ok(asOrg.length <= 4 * 128);
        }
      }
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 20e6, `${(user + system) / 1e6} s`);
  });
});
