/** Makes of `--filter` a function of records. */

import { userId } from '@weir/ebpf/sys';
import { type EnrichedRecord, Services } from '@weir/tracer/enrich';
import {
  type Filter,
  type FilterColumn,
  FilterError,
  filterPredicate,
  parseFilter,
  recordColumns,
} from '@weir/tracer/filter';
import { UsageError } from '../failure.js';

/** What records have with `--enrich`, */
const enriched: readonly FilterColumn[] = [
  ...(['executable', 'command_line', 'unit', 'service', 'container_name', 'container_id'] as const),
  ...(['container_runtime', 'pod_name', 'pod_namespace', 'pod_uid'] as const),
];
/** with `--resolve`, */
const resolved: readonly FilterColumn[] = ['peer_name'];
/** with `--networks`, */
const grouped: readonly FilterColumn[] = ['peer_group'];
/** and with `--geo`. */
const located: readonly FilterColumn[] = ['peer_country', 'peer_asn', 'peer_as_org'];

export interface FilterFlags {
  readonly filter?: string;
  readonly enrich?: boolean;
  readonly resolve?: boolean;
  readonly networks?: readonly string[];
  readonly geo?: readonly string[];
}

/**
 * The function that says whether a record is to be printed; undefined: all are. What was lost always is.
 *
 * @throws UsageError for a filter that makes no sense, or that names what records have with another flag only.
 */
export function recordFilter(flags: FilterFlags): ((record: EnrichedRecord) => boolean) | undefined {
  const { filter, enrich = false, resolve = false, networks = [], geo = [] } = flags;
  if (filter === undefined) return undefined;
  const missing = [...(enrich ? [] : ['--enrich']), ...(resolve ? [] : ['--resolve'])].join(' and ');
  // One flag after the other takes its columns away, so that the message names the one that is missing.
  const withheld: readonly (readonly [flag: string, columns: readonly FilterColumn[]])[] = [
    [missing, [...(enrich ? [] : enriched), ...(resolve ? [] : resolved)]],
    ['--networks', networks.length > 0 ? [] : grouped],
    ['--geo', geo.length > 0 ? [] : located],
  ];
  try {
    let columns: Partial<typeof recordColumns> = recordColumns;
    let tree: Filter | undefined;
    for (const [flag, names] of withheld) {
      columns = without(columns, names);
      const what = flag === '' ? 'records' : `records without ${flag}`;
      tree = parseFilter(filter, { rows: { columns, what }, users: (name) => userId(name) });
    }
    const matches = filterPredicate(tree!, { services: Services.read() });
    return (record) => record.event === 'lost' || matches(record);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--filter: ${error.message}`, { cause: error });
  }
}

function without(
  columns: Partial<typeof recordColumns>,
  names: readonly FilterColumn[],
): Partial<typeof recordColumns> {
  const left = Object.entries(columns).filter(([name]) => !names.includes(name as FilterColumn));
  return Object.fromEntries(left) as Partial<typeof recordColumns>;
}
