/** Makes of `--filter` a function of records. */

import { userId } from '@weir/ebpf/sys';
import { type EnrichedRecord, Services } from '@weir/tracer/enrich';
import {
  type FilterColumn,
  FilterError,
  filterPredicate,
  parseFilter,
  recordColumns,
} from '@weir/tracer/filter';
import { UsageError } from '../failure.js';

/** What records have with `--enrich`, */
const enriched: ReadonlySet<FilterColumn> = new Set([
  ...(['executable', 'command_line', 'unit', 'service', 'container_name', 'container_id'] as const),
  ...(['container_runtime', 'pod_name', 'pod_namespace', 'pod_uid'] as const),
]);
/** and with `--resolve`. */
const resolved: ReadonlySet<FilterColumn> = new Set(['peer_name']);
/** What only a server knows. */
const served: ReadonlySet<FilterColumn> = new Set(['peer_group', 'peer_country', 'peer_asn', 'peer_as_org']);

export interface FilterFlags {
  readonly filter?: string;
  readonly enrich?: boolean;
  readonly resolve?: boolean;
}

/**
 * The function that says whether a record is to be printed; undefined: all are. What was lost always is.
 *
 * @throws UsageError for a filter that makes no sense, or that names what records have with another flag only.
 */
export function recordFilter(flags: FilterFlags): ((record: EnrichedRecord) => boolean) | undefined {
  const { filter, enrich = false, resolve = false } = flags;
  if (filter === undefined) return undefined;
  const columns = Object.fromEntries(
    Object.entries(recordColumns).filter(([name]) => {
      const column = name as FilterColumn;
      if (served.has(column)) return false;
      return (enrich || !enriched.has(column)) && (resolve || !resolved.has(column));
    }),
  );
  const missing = [...(enrich ? [] : ['--enrich']), ...(resolve ? [] : ['--resolve'])].join(' and ');
  const what = missing === '' ? 'records' : `records without ${missing}`;
  try {
    const tree = parseFilter(filter, { rows: { columns, what }, users: (name) => userId(name) });
    const matches = filterPredicate(tree, { services: Services.read() });
    return (record) => record.event === 'lost' || matches(record);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--filter: ${error.message}`, { cause: error });
  }
}
