/** The hosts of which there are rows. */
import type { QueryLimits } from '../../query/answer.js';
import type { GroupField } from '../../query/fields.js';
import { HostNames } from '../../query/host-names.js';
import { type HostRow, hostColumns } from '../../schema/index.js';
import { clickhouseDialect } from '../clickhouse-dialect.js';
import { tablePlace } from '../create-tables.js';
import type { Asking, ClickhouseReader } from './clickhouse-reader.js';
import { ClickhouseRows, selectedColumns } from './row-columns.js';

/** All hosts, a row for each boot, the newest first. @throws HistoryError, InterruptedError */
export function clickhouseHosts(reader: ClickhouseReader, limits: QueryLimits): Promise<HostRow[]> {
  return reader.ask(limits, hostsIn);
}

async function hostsIn(asking: Asking): Promise<HostRow[]> {
  const rows = await asking.rows(
    `SELECT ${selectedColumns(hostColumns)} FROM ${tablePlace(asking, 'hosts')} FINAL ORDER BY "time" DESC`,
  );
  const reading = new ClickhouseRows(hostColumns);
  return rows.map((row) => reading.read(row));
}

/** What hosts are called. */
export async function hostNamesIn(asking: Asking): Promise<HostNames> {
  return new HostNames(await hostsIn(asking));
}

/** Fields to group by, with boots of a host as one. @param names Of the fields. */
export async function withJoinedBoots(
  asking: Asking,
  names: readonly string[],
  fields: readonly GroupField[],
): Promise<readonly GroupField[]> {
  return names.includes('host')
    ? (await hostNamesIn(asking)).joined(names, fields, clickhouseDialect)
    : fields;
}
