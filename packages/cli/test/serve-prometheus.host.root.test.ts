/** A real Prometheus that scrapes `weir serve`: its answers are the history's own sums. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadProgram, TestNetns } from './support/load.js';
import { Prometheus, promtool } from './support/prometheus.js';
import { folder, port, Serve } from './support/serve.js';

const { expandPromql, queriesOf, readDashboard } = (await import(
  new URL('../../../server/dist/test/support/grafana.js', import.meta.url).href
)) as typeof import('../../server/test/support/grafana.js');

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const rules = join(root, 'packages/server/prometheus/alerts.yaml');
const [COUNT, HELD, REFUSED] = [60, 7, 20];
/** A name that a text format could be broken by. */
const HOSTILE = 'a"} 1\n#\\ é';

const origin = `http://127.0.0.1:${port}`;

async function sql(statement: string): Promise<Record<string, string | number | null>[]> {
  const response = await fetch(`${origin}/api/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: statement }),
  });
  const answer = (await response.json()) as {
    columns: { name: string }[];
    rows: (string | number | null)[][];
  };
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.rows.map((row) => Object.fromEntries(answer.columns.map(({ name }, i) => [name, row[i]!])));
}

/** Connections that are open until it gets another line. */
async function hold(netns: TestNetns): Promise<ChildProcess> {
  const args = ['hold', '--count', `${HELD}`, '--send', '1000', '--reply', '50', '--port', '7000'];
  const child = spawn('ip', ['netns', 'exec', netns.name, loadProgram(), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write('\n');
  let output = '';
  for await (const piece of child.stdout.iterator({ destroyOnReturn: false })) {
    output += piece;
    if (output.includes('holding')) break;
  }
  child.stdout.resume();
  return child;
}

/** A configuration with an exporter, and with a ClickHouse that is not there. */
function deliveries(): string {
  const exported = join(folder, 'exported');
  mkdirSync(exported);
  // The server's user writes there.
  chmodSync(exported, 0o777);
  const file = join(folder, 'serve.yaml');
  const exporter = `exporters: [{type: file, path: ${exported}/connections.ndjson}]`;
  writeFileSync(file, `${exporter}\nstore: {url: "clickhouse://127.0.0.1:1/weir"}\n`);
  return file;
}

describe('Prometheus at weir serve', () => {
  it('has the sums of the history, by the same labels', async () => {
    using netns = new TestNetns();
    using serve = new Serve(netns, '--config', deliveries());
    await serve.ready();
    await using prometheus = await Prometheus.start(`127.0.0.1:${port}`, rules);
    await prometheus.until('weir_collectors', 1);
    const held = await hold(netns);
    const ended = once(held, 'exit');
    const named = join(folder, HOSTILE);
    copyFileSync(loadProgram(), named);
    await Promise.all([
      netns.load('pairs', '--count', `${COUNT}`, '--send', '77', '--reply', '1234', '--port', '8000'),
      netns.load('refused', '--count', `${REFUSED}`, '--port', '9000'),
      netns.loadBy(named, 'pairs', '--count', '5', '--closer', 'reset-client', '--port', '8100'),
    ]);
    await prometheus.until('sum(weir_connections_open)', 2 * HELD);
    held.stdin!.end('\n');
    await ended;
    await prometheus.until('sum(weir_connections_closed_total)', 2 * (COUNT + HELD + 5));
    await prometheus.until('sum(weir_connections_failed_total)', REFUSED);
    await prometheus.until('sum(weir_connections_opened_total)', 2 * (COUNT + HELD + 5));
    await prometheus.until('sum(weir_connections_open)', 0);

    // What changes from one scrape to the next has rates.
    await Promise.all([
      netns.load('refused', '--count', '5', '--port', '9000'),
      netns.loadBy(named, 'pairs', '--count', '5', '--closer', 'reset-client', '--port', '8100'),
    ]);
    await prometheus.until('sum(weir_connections_closed_total)', 2 * (COUNT + HELD + 10));
    await prometheus.until('sum(weir_connections_failed_total)', REFUSED + 5);
    await prometheus.until('weir_shipping_failing', 1);
    const queries = queriesOf(readDashboard('weir-prometheus.json'));
    assert.ok(queries.length > 25);
    for (const { title, text } of queries) {
      const expression = expandPromql(text, '1m', '1h');
      const found = await prometheus.query(expression);
      assert.ok(
        found.some(({ value }) => !Number.isNaN(value)),
        `${title}: ${expression} finds ${JSON.stringify(found)}`,
      );
    }

    const same = async (expression: string, names: readonly string[], statement: string) => {
      const [found, rows] = await Promise.all([prometheus.query(expression), sql(statement)]);
      const textOf = (labels: Readonly<Record<string, unknown>>, value: unknown) =>
        JSON.stringify([...names.map((name) => labels[name] ?? ''), Number(value)]);
      const ours = rows.map((row) => textOf(row, row.n)).sort();
      assert.deepEqual(found.map(({ metric, value }) => textOf(metric, value)).sort(), ours, expression);
      assert.ok(ours.length > 0);
    };
    const by = 'direction, process, closed_by';
    await same(
      `sum by (${by}) (weir_connections_closed_total)`,
      by.split(', '),
      `SELECT direction, comm AS process, coalesce(closed_by, 'unknown') AS closed_by, count(*) AS n
       FROM ends WHERE event <> 'fail' GROUP BY ALL`,
    );
    await same(
      'sum by (direction, process, error) (weir_connections_failed_total)',
      ['direction', 'process', 'error'],
      "SELECT direction, comm AS process, error, count(*) AS n FROM ends WHERE event = 'fail' GROUP BY ALL",
    );
    const moved = `(SELECT direction, comm, unit, bytes_sent, bytes_received, retransmits, srtt_us FROM intervals
       UNION ALL SELECT direction, comm, unit, bytes_sent, bytes_received, retransmits, srtt_us FROM ends
       WHERE interval_rows = 0)`;
    for (const [metric, column] of [
      ['weir_sent_bytes_total', 'sum(bytes_sent)'],
      ['weir_received_bytes_total', 'sum(bytes_received)'],
      ['weir_tcp_retransmits_total', 'sum(retransmits)'],
    ] as const)
      await same(
        `sum by (direction, process, unit) (${metric})`,
        ['direction', 'process', 'unit'],
        `SELECT direction, comm AS process, unit, coalesce(${column}, 0)::BIGINT AS n FROM ${moved} GROUP BY ALL`,
      );
    await same(
      'sum by (direction, process) (weir_tcp_rtt_seconds_count)',
      ['direction', 'process'],
      `SELECT direction, comm AS process, count(srtt_us) AS n FROM ${moved} WHERE srtt_us IS NOT NULL GROUP BY ALL`,
    );
    await same(
      'sum by (process) (weir_tcp_handshake_seconds_bucket{le="0.001"})',
      ['process'],
      `SELECT comm AS process, count(*) FILTER (handshake_us <= 1000) AS n FROM ends
       WHERE handshake_us IS NOT NULL GROUP BY ALL`,
    );
    const [intervals] = await sql('SELECT count(*) AS n FROM intervals');
    assert.ok(Number(intervals!.n) >= 2 * HELD, 'bytes were counted by the minute, too');
    const bytes = COUNT * 77 + HELD * 1000;
    const sent = await prometheus.query('sum(weir_sent_bytes_total{direction="outbound",process!~"a.*"})');
    assert.deepEqual(
      sent.map(({ value }) => value),
      [bytes],
    );
    const peers = await prometheus.query('count by (peer) (weir_connections_opened_total)');
    assert.deepEqual(
      peers.map(({ metric }) => metric.peer),
      ['loopback'],
    );
    const { groups } = (await prometheus.ask('rules')) as { groups: { rules: { health: string }[] }[] };
    assert.ok(groups.flatMap((group) => group.rules).every(({ health }) => health !== 'err'));
    assert.equal(await promtool(['check', 'metrics'], await (await fetch(`${origin}/metrics`)).text()), '');
  });

  it('is warned by alerts that are tested, and scrapes by the configuration of the docs', async () => {
    await promtool(['check', 'rules', rules]);
    await promtool(['test', 'rules', join(root, 'packages/server/prometheus/alerts.test.yaml')]);
    const page = readFileSync(join(root, 'docs/prometheus.md'), 'utf8');
    const [, config] = /```yaml\n(scrape_configs:.*?)```/s.exec(page)!;
    const file = join(folder, 'prometheus.yaml');
    writeFileSync(file, config!);
    await promtool(['check', 'config', '--syntax-only', file]);
  });
});
