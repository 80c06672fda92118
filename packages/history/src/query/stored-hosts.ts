/** The hosts of a history, and what depends on them. */
import type { Filter } from '@weir/tracer/filter';
import type { HostRow } from '../schema/index.js';
import type { HistoryReader, ReadOptions, Session } from '../store/session.js';
import type { Condition } from './condition.js';
import type { GroupField } from './fields.js';
import { type FilteredTable, filterSource } from './filter-source.js';
import { type FilterSqlOptions, filterSql } from './filter-sql.js';
import { HostNames, namesHosts } from './host-names.js';
import { duckdbDialect } from './sql-dialect.js';

const columns = 'host_id, epoch_ns(time), name, machine_id, boot_id, kernel';

async function hostsIn(session: Session): Promise<HostRow[]> {
  const rows = await session.query(`SELECT ${columns} FROM ${session.source('hosts')} ORDER BY time DESC`);
  return rows.map(([host_id, time, name, machine_id, boot_id, kernel]) => ({
    host_id: host_id as bigint,
    time: time as bigint,
    name: name as string,
    boot_id: boot_id as string,
    ...(machine_id !== null && { machine_id: machine_id as string }),
    ...(kernel !== null && { kernel: kernel as string }),
  }));
}

/** Hosts and their boots, the newest first. @throws InterruptedError */
export function queryHosts(reader: HistoryReader, options: ReadOptions = {}): Promise<HostRow[]> {
  return reader.read(hostsIn, options);
}

/** What the hosts of a history are called. */
export async function hostNamesIn(session: Session): Promise<HostNames> {
  return new HostNames(await hostsIn(session));
}

/** Fields to group by, with boots of a host as one. @param names Of the fields. */
export async function withJoinedBoots(
  session: Session,
  names: readonly string[],
  fields: readonly GroupField[],
): Promise<readonly GroupField[]> {
  return names.includes('host') ? (await hostNamesIn(session)).joined(names, fields, duckdbDialect) : fields;
}

/** The condition of a filter over the rows of a history, whose hosts are looked up where the filter tests them. */
export async function filterCondition(
  reader: HistoryReader,
  filter: Filter,
  {
    table = 'ends',
    services,
    ...options
  }: FilterSqlOptions & ReadOptions & { readonly table?: FilteredTable },
): Promise<Condition> {
  const { known } = new HostNames(namesHosts(filter) ? await queryHosts(reader, options) : []);
  const source = filterSource(table, duckdbDialect, known);
  return filterSql(filter, source, services === undefined ? {} : { services });
}
