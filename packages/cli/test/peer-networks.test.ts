/** `weir trace --networks` and `--geo`: what they make of files, and of records. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { jsonLine } from '@weir/tracer/json';
import { UsageError } from '../src/failure.js';
import { startEnrichment } from '../src/trace/enrich-records.js';
import { recordFilter } from '../src/trace/filter-records.js';
import { peerNetworks } from '../src/trace/peer-networks.js';
import { connect } from './support/records.js';

const { countries, systems } = (await import(
  new URL('../../../server/dist/test/support/mmdb.js', import.meta.url).href
)) as typeof import('../../server/test/support/mmdb.js');

const folder = mkdtempSync(join(tmpdir(), 'weir-peer-networks-'));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const list = write('list.csv', '10.1.0.0/16,db\n');
const yaml = write('serve.yaml', 'networks:\n  groups:\n    cache: [10.1.2.0/24]\n');
const country = write('country.mmdb', countries({ '8.8.0.0/16': 'US' }));
const asn = write('asn.mmdb', systems({ '8.8.0.0/16': [15_169, 'GOOGLE "G"'] }));

describe('weir trace --networks and --geo', () => {
  it('have groups of lists and of YAML, countries and autonomous systems', async () => {
    const networks = await peerNetworks([list, yaml], [country, asn]);
    assert.deepEqual(networks.find('10.1.2.3'), { group: 'cache' });
    assert.deepEqual(networks.find('10.1.3.3'), { group: 'db' });
    assert.deepEqual(networks.find('8.8.8.8'), { country: 'US', asn: 15_169, as_org: 'GOOGLE "G"' });
    assert.equal(networks.find('9.9.9.9'), undefined);
  });

  it('stand in JSON, and in filters', async () => {
    const flags = { networks: [list], geo: [country, asn] };
    using enriching = (await startEnrichment(flags))!;
    const before = connect();
    const record = enriching.enricher.enrich({ ...before, peer: { ...before.peer, address: '8.8.8.8' } });
    const { peer } = JSON.parse(jsonLine(record)) as { peer: object };
    const known = { country: 'US', asn: 15_169, as_org: 'GOOGLE "G"' };
    assert.deepEqual(peer, { ...before.peer, address: '8.8.8.8', ...known });
    const passes = (filter: string) => recordFilter({ ...flags, filter })!(record);
    assert.deepEqual(['country=US', 'asn=15169', 'as_org:goog', 'peer_group=*'].map(passes), [
      ...[true, true, true, false],
    ]);
  });

  it('refuse a file that is missing, damaged or something else, in one line', async () => {
    const text = write('text.mmdb', 'no database');
    const bad = write('bad.csv', '10.1.0.0/16,db\n10.1.0.0/99,db\n');
    const badYaml = write('bad.yaml', 'networks:\n  groups: 3\n');
    const other = write('other.mmdb', systems({ '8.8.0.0/16': [0, ''] }));
    for (const [networks, geo, message] of [
      [[join(folder, 'none.csv')], [], /none\.csv/],
      [[join(folder, 'none.yaml')], [], /none\.yaml: no such file/],
      [[bad], [], /bad\.csv:2: /],
      [[badYaml], [], /bad\.yaml:2:/],
      [[], [join(folder, 'none.mmdb')], /none\.mmdb/],
      [[], [text], /text\.mmdb: expected a file in MaxMind's format/],
      [[], [other], /other\.mmdb: it has neither countries nor autonomous systems$/],
    ] as const) {
      await assert.rejects(peerNetworks(networks, geo), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return !error.message.includes('\n');
      });
    }
  });
});
