/** Names of peers: in batches, in a running server, and after files have changed. */
import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { SCHEMA_VERSION } from '@weir/history/schema';
import { parseServeConfig, type ServeConfig } from '../src/config/index.js';
import { WeirServer } from '../src/index.js';
import { IngestClient, PROTOCOLS } from '../src/ingest/index.js';
import { nameBatch } from '../src/naming/name-batch.js';
import type { PeerDetails } from '../src/naming/peer-directory.js';
import { PeerNaming } from '../src/naming/peer-naming.js';
import { decodeColumns } from '../src/wire/decode-batch.js';
import { addRows, BatchEncoder } from '../src/wire/encode-batch.js';
import { at, batchOf, endRow, epoch } from './support/batches.js';
import { countries, systems } from './support/mmdb.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-naming-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = (name: string) => join(folder, name);

function write(name: string, content: string | Buffer): string {
  writeFileSync(path(`${name}.new`), content);
  renameSync(path(`${name}.new`), path(name));
  return path(name);
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await isSo()); await sleep(20))
    assert.ok(Date.now() < deadline, what);
}

describe('a batch', () => {
  it('has what is known of each peer, as columns and as rows, and all else as it was', () => {
    const rows = Array.from({ length: 200 }, (_, index) =>
      // The name of a process is the text of a country.
      endRow(index, { peer_address: `10.0.0.${index % 7}`, ...(index % 3 === 0 && { comm: 'DE' }) }),
    );
    const batch = batchOf(1, rows);
    const encoder = new BatchEncoder();
    addRows(encoder, batch);
    const read = decodeColumns(encoder.finish(batch));
    const known: Readonly<Record<string, PeerDetails>> = {
      '10.0.0.1': { group: 'db', country: 'DE' },
      '10.0.0.2': { group: 'db', asn: 64_500, asOrg: 'Example' },
      '10.0.0.3': { country: 'FR' },
    };
    const asked: string[] = [];
    const named = nameBatch(read, (address) => {
      asked.push(address);
      return known[address] ?? {};
    });
    assert.equal(asked.length, 7);
    const expected = rows.map((row) => {
      const { group, country, asn, asOrg } = known[row.peer_address] ?? {};
      return {
        ...row,
        ...(group !== undefined && { peer_group: group }),
        ...(country !== undefined && { peer_country: country }),
        ...(asn !== undefined && { peer_asn: asn }),
        ...(asOrg !== undefined && { peer_as_org: asOrg }),
      };
    });
    assert.deepEqual(named.ends, expected);
    const { ends } = named.columns!;
    assert.equal(new Set(ends!.strings).size, ends!.strings.length);
    const again = new BatchEncoder();
    addRows(again, { ...batch, ends: expected });
    const other = decodeColumns(again.finish(batch)).columns!.ends!;
    for (const name of ['comm', 'peer_group', 'peer_country', 'peer_as_org', 'peer_asn', 'bytes_sent']) {
      const texts = ({ columns, strings }: typeof other) => {
        const { values, gaps } = columns.get(name)!;
        const isText = !['peer_asn', 'bytes_sent'].includes(name);
        return rows.map((_, row) => {
          if (gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1) return undefined;
          return isText ? strings[values[row] as number] : values[row];
        });
      };
      assert.deepEqual(texts(ends!), texts(other), name);
    }
    const { epoch: _, number, host_id } = named;
    assert.deepEqual([number, host_id], [1, epoch.host_id]);
    assert.equal(
      nameBatch(read, () => ({})),
      read,
    );
  });
});

describe('names of peers', () => {
  it('are read again when a file changes, and stay where it cannot be read', async () => {
    const said: string[] = [];
    const list = write('networks.csv', '10.1.0.0/16,db\n');
    const { networks, geo } = parseServeConfig(`networks: { files: [{ path: ${list} }] }`);
    const start = () => PeerNaming.start({ networks, geo }, (message) => said.push(message), { lookMs: 20 });
    using naming = await start();
    const group = () => naming.directory.detailsOf('10.1.2.3').group;
    assert.equal(group(), 'db');
    write('networks.csv', '10.1.0.0/16,cache\n');
    await until('the list is read again', () => group() === 'cache');
    write('networks.csv', '10.1.0.0/16,cache\n10.1\n');
    await until('the mistake is reported', () => said.length === 2);
    assert.match(
      said[1]!,
      /networks\.csv:2: expected a prefix and a name.*; what was read before still counts/,
    );
    rmSync(list);
    await until('the missing file is reported', () => said.length === 3);
    assert.equal(group(), 'cache');
    await assert.rejects(start(), { name: 'OptionError', message: /: no such file or directory$/ });
  });
});

describe('a server', () => {
  const versions = { protocols: PROTOCOLS, version: '1.2.3', schema: SCHEMA_VERSION };
  const configOf = (text: string): ServeConfig => ({
    ...parseServeConfig(`{listen: ["127.0.0.1:0"], ${text}}`),
    folder,
  });
  const start = (config: ServeConfig) =>
    WeirServer.start({ config, version: '1.2.3', ingest: path('ingest.sock'), onProblem: () => {} });

  it('stores, filters, groups and counts by the names that are configured when rows come', async () => {
    const asn = write('asn.mmdb', systems({ '8.8.0.0/16': [15_169, 'GOOGLE'] }));
    const country = write('country.mmdb', countries({ '8.8.0.0/16': 'US', '10.0.0.0/8': 'XX' }));
    const ranges = { prefixes: [{ ip_prefix: '52.0.0.0/8', region: 'eu-west-1', service: 'EC2' }] };
    const files = `files: [{ path: ${write('aws.json', JSON.stringify(ranges))} }]`;
    const geo = `geo: { asn: ${asn}, country: ${country} }`;
    await using server = await start(
      configOf(`networks: { groups: { db: [10.0.0.0/24] }, ${files} }, ${geo}`),
    );
    const ask = async (query: string): Promise<unknown> => {
      const response = await fetch(`${server.urls[0]}/api/v1/${query}`);
      const answer: unknown = await response.json();
      assert.equal(response.status, 200, JSON.stringify(answer));
      return answer;
    };
    const client = new IngestClient({ path: path('ingest.sock'), versions, epoch, onProblem: () => {} });
    const peers = ['10.0.0.7', '10.0.9.7', '8.8.8.8', '52.1.1.1'];
    const rows = (from: number) => peers.map((peer_address, index) => endRow(from + index, { peer_address }));
    client.send({ time: at(1), monotonic_ns: 1e9, ends: rows(0) });
    const count = async (filter: string) => {
      const answer = await ask(
        `connections?range=2026-09-21T14:13:00Z..%2B1h&filter=${encodeURIComponent(filter)}`,
      );
      return (answer as { connections: { peer: object }[] }).connections.map(({ peer }) => peer);
    };
    await until('the rows are stored', async () => (await count('bytes>0')).length === 4);
    assert.deepEqual(await count('country=us'), [
      { address: '8.8.8.8', port: 443, country: 'US', asn: 15_169, as_org: 'GOOGLE' },
    ]);
    assert.deepEqual(await count('asn=15169 as_org:goog'), await count('country=US'));
    // A private address has no country, whatever a file says.
    assert.deepEqual(await count('peer_group=db'), [{ address: '10.0.0.7', port: 443, group: 'db' }]);
    assert.deepEqual(await count('peer_group:aws'), [
      { address: '52.1.1.1', port: 443, group: 'aws eu-west-1' },
    ]);
    assert.equal((await count('not peer_group=* not country=*')).length, 1);
    const groups = (await ask('groups?by=peer_group,country&range=2026-09-21T14:13:00Z..%2B1h')) as {
      groups: { key: object }[];
    };
    assert.deepEqual(
      new Set(groups.groups.map(({ key }) => JSON.stringify(key))),
      new Set([
        '{"peer_group":"db","country":null}',
        '{"peer_group":null,"country":null}',
        '{"peer_group":null,"country":"US"}',
        '{"peer_group":"aws eu-west-1","country":null}',
      ]),
    );
    const metrics = await (await fetch(`${server.urls[0]}/metrics`)).text();
    for (const peer of ['db', 'aws eu-west-1', 'external', '10.0.9.7'])
      assert.match(metrics, new RegExp(`weir_connections_closed_total\\{.*peer="${peer}".*\\} 1\\n`));
    // Rows that are stored keep what they have.
    await server.reload(configOf('networks: { groups: { store: [10.0.0.0/24] } }'));
    client.send({ time: at(2), monotonic_ns: 2e9, ends: rows(1000), goodbye: true });
    assert.ok(await client.close(10_000));
    assert.equal((await count('peer_group=db')).length, 1);
    assert.equal((await count('peer_group=store')).length, 1);
    assert.equal((await count('country=US')).length, 1);
  });

  it('does not start, nor change, with a file that it cannot use', async () => {
    const wrong = write('asn.mmdb', countries({ '1.0.0.0/8': 'DE' }));
    const message = /asn\.mmdb: it has no autonomous systems/;
    await assert.rejects(start(configOf(`geo: { asn: ${wrong} }`)), { name: 'OptionError', message });
    await using server = await start(configOf('networks: { groups: { db: [10.0.0.0/24] } }'));
    await assert.rejects(server.reload(configOf(`geo: { asn: ${wrong} }`)), { name: 'OptionError', message });
  });

  it('has no filter of what is recorded by names that come later', () => {
    assert.throws(
      () => parseServeConfig('record: { filter: "not country=DE" }'),
      /country: connections that are not stored yet/,
    );
    parseServeConfig('exporters: [{ type: file, path: /tmp/x, filter: "country=DE" }]');
  });
});
