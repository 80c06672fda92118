/** Grafana's dashboards, and what Grafana makes of their queries. */
import { readFileSync } from 'node:fs';

/** A query of a panel. */
export interface DashboardTarget {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr?: string;
  readonly rawSql?: string;
}

/** A panel. */
export interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly DashboardTarget[];
}

/** What tests look at. */
export interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: unknown }[];
  };
  readonly panels: readonly DashboardPanel[];
}

/** One of the dashboards, by its file's name. */
export function readDashboard(name: string): Dashboard {
  const path = new URL(`../../../grafana/${name}`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Dashboard;
}

/** Texts of all queries, each with the title of its panel. */
export function queriesOf({ panels }: Dashboard): { readonly title: string; readonly text: string }[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, rawSql }) => ({ title, text: (expr ?? rawSql)! })),
  );
}

/** A query of Prometheus as Grafana sends it, where all values of each variable are chosen. */
export function expandPromql(text: string, rateInterval: string, range: string): string {
  return text
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$__range', range)
    .replaceAll(/\$(?:instance|process)\b/g, '.*');
}

/** What the macros of Grafana's ClickHouse plugin depend on. Seconds since 1970, and seconds. */
export interface SqlSpan {
  readonly from: number;
  readonly to: number;
  readonly interval: number;
}

/** A query of ClickHouse as the plugin sends it. @param hosts Values of the variable `host`. */
export function expandSql(text: string, { from, to, interval }: SqlSpan, hosts: readonly string[]): string {
  const list = hosts.map((host) => `'${host.replaceAll("'", "''")}'`).join(',');
  return text
    .replaceAll(/\$__timeFilter\((\w+)\)/g, `$1 >= toDateTime(${from}) AND $1 <= toDateTime(${to})`)
    .replaceAll(
      /\$__timeInterval\((\w+)\)/g,
      `toStartOfInterval(toDateTime($1), INTERVAL ${interval} second)`,
    )
    .replaceAll('$__interval_s', String(interval))
    .replaceAll(/\$\{host:sqlstring\}/g, () => list);
}
