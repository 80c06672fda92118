/** Grafana's dashboards: as Grafana reads them, and each query of ClickHouse on its engine. That of Prometheus is asked in the tests of the command. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareClickhouse } from '@weir/history/clickhouse';
import type { TestClickhouse } from '../../history/test/support/clickhouse-server.js';
import { expandSql, queriesOf, readDashboard } from './support/grafana.js';

const { TestClickhouse: Clickhouse, withoutClickhouse } = (await import(
  new URL('../../../history/dist/test/support/clickhouse-server.js', import.meta.url).href
)) as typeof import('../../history/test/support/clickhouse-server.js');

const files = [
  ['weir-prometheus.json', 'prometheus'],
  ['weir-clickhouse.json', 'grafana-clickhouse-datasource'],
] as const;

describe('dashboards', () => {
  for (const [file, type] of files) {
    it(`have panels beside each other, and data by a variable: ${file}`, () => {
      const { panels, templating, schemaVersion } = readDashboard(file);
      assert.ok(schemaVersion >= 36);
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      const cells = new Set<string>();
      for (const { gridPos, title } of panels) {
        assert.ok(gridPos.x + gridPos.w <= 24, title);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            assert.ok(!cells.has(`${x} ${y}`), `${title} lies over another panel`);
            cells.add(`${x} ${y}`);
          }
        }
      }
      const names = templating.list.map(({ name }) => name);
      assert.equal(templating.list[0]!.query, type);
      for (const { targets = [], title } of panels) {
        assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
        for (const { datasource } of targets)
          assert.deepEqual(datasource, { type, uid: `\${datasource}` }, title);
      }
      for (const { text, title } of queriesOf(readDashboard(file)))
        for (const [, name] of text.matchAll(/\$\{?(?!__)(\w+)/g))
          assert.ok(names.includes(name!), `${title}: ${name}`);
    });
  }
});

/** 2026-11-28T10:00:00Z, and an hour later. */
const [FROM, TO] = [1_795_860_000, 1_795_863_600];

/** Connections of an hour: a quarter fails, some are still open. */
async function fill(server: TestClickhouse): Promise<void> {
  await using connection = server.connect();
  await prepareClickhouse(connection, { database: 'weir' });
  const time = `toDateTime64(${FROM} + number, 9, 'UTC')`;
  const peer = "concat('198.51.100.', toString(number % 9))";
  const common = {
    host_id: 'number % 3',
    time,
    clock_offset_ns: '0',
    transport: "'tcp'",
    family: "'ipv4'",
    local_address: "'10.0.0.1'",
    local_port: '40000',
    peer_address: peer,
    peer_ip: `toIPv6(${peer})`,
    peer_port: '443',
    peer_group: "if(number % 2 = 0, 'db', NULL)",
    peer_country: "if(number % 2 = 1, 'DE', NULL)",
    peer_asn: 'if(number % 2 = 1, 64500, NULL)',
    peer_as_org: "if(number % 2 = 1, 'Example', NULL)",
    direction: "'outbound'",
    comm: "if(number % 5 = 0, NULL, concat('p', toString(number % 4)))",
    bytes_sent: '1000',
    bytes_received: '50',
    segments_sent: '10',
    retransmits: '1',
    srtt_us: '100 + number',
  };
  const ended = {
    ...common,
    event: "if(number % 4 = 0, 'fail', 'close')",
    error: "if(number % 4 = 0, 'ECONNREFUSED', NULL)",
    closed_by: "if(number % 4 = 0, NULL, 'peer')",
    duration_us: '1000',
    handshake_us: '200 + number',
    interval_rows: 'number % 2',
  };
  const insert = (table: string, values: Readonly<Record<string, string>>, count: number) =>
    connection.execute(
      `INSERT INTO weir.${table} (${Object.keys(values)}) SELECT ${Object.values(values)} FROM numbers(${count})`,
    );
  await insert('ends', ended, 3_000);
  await insert('intervals', { ...common, span_us: '60000000' }, 3_000);
  await insert('losses', { host_id: '1', time, since: time, count: '5', place: "'ring'" }, 2);
  const hosts = { host_id: 'number', time, name: "concat('it''s ', toString(number))", boot_id: "'b'" };
  await insert('hosts', hosts, 3);
}

describe('the dashboard of ClickHouse', { skip: withoutClickhouse() }, () => {
  it('has queries that each find something, for all hosts and for one', async (context) => {
    const server = await Clickhouse.start(context);
    await fill(server);
    const dashboard = readDashboard('weir-clickhouse.json');
    const [, host] = dashboard.templating.list;
    await using connection = server.connect();
    // The data source has a database of its own.
    const ask = (sql: string) =>
      connection.rows(
        ['ends', 'intervals', 'losses', 'hosts', 'traffic_minutes'].reduce(
          (text, table) => text.replaceAll(new RegExp(`\\bFROM ${table}\\b`, 'g'), `FROM weir.${table}`),
          sql,
        ),
      );
    const names = (await ask(host!.query as string)).map(([name]) => name as string);
    assert.deepEqual(names, ["it's 0", "it's 1", "it's 2"]);
    const span = { from: FROM, to: TO, interval: 60 };
    const queries = queriesOf(dashboard);
    assert.ok(queries.length > 20);
    for (const { title, text } of queries) {
      const counts: number[] = [];
      for (const chosen of [names, names.slice(1, 2)]) {
        const sql = expandSql(text, span, chosen);
        assert.ok(!sql.includes('$'), `${title}: ${sql}`);
        const rows = await ask(sql).catch((error: Error) =>
          assert.fail(`${title}: ${error.message}\n${sql}`),
        );
        assert.ok(rows.length > 0, `${title} finds nothing: ${sql}`);
        assert.ok(
          rows.some((row) => row.every((value) => value !== null)) || title === 'Losses',
          `${title} has no values: ${JSON.stringify(rows[0])}`,
        );
        counts.push(rows.length);
      }
      assert.ok(counts[1]! <= counts[0]!, title);
      const before = expandSql(text, { ...span, from: FROM - 9_000, to: FROM - 5_000 }, names);
      const rows = await ask(before);
      assert.ok(rows.length === 0 || rows.every((row) => row.every((value) => Number(value) === 0)), title);
    }
    const sums = async (title: string) => {
      const { text } = queries.find((query) => query.title === title)!;
      return (await ask(expandSql(text, span, names)))[0]!.map(Number);
    };
    assert.deepEqual(await sums('Connections that ended'), [3_000]);
    assert.deepEqual(await sums('Connections that failed'), [750]);
    // Bytes of an end that has intervals are those of these.
    assert.deepEqual(await sums('Sent'), [1_500 * 1_000 + 3_000 * 1_000]);
    assert.deepEqual(await sums('Hosts'), [3]);
    const networks = queries.find(({ title }) => title === 'Networks')!;
    assert.deepEqual(await ask(expandSql(networks.text, span, names)), [
      ['db', String(1_500_000 + 1_500_000), String(75_000 + 75_000), '1500'],
    ]);
  });
});
