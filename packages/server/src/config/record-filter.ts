/** The filter of what is recorded. */
import type { Finding } from '@weir/config';
import { userId } from '@weir/ebpf/sys';
import { type Filter, FilterError, type ParseOptions, parseFilter, recordColumns } from '@weir/tracer/filter';

/** What the server adds to rows: a collector does not know it yet. */
const served: ReadonlySet<string> = new Set(['peer_group', 'peer_country', 'peer_asn', 'peer_as_org']);
const collected = {
  columns: Object.fromEntries(Object.entries(recordColumns).filter(([name]) => !served.has(name))),
  what: 'connections that are not stored yet',
};

/** Parses it; users may be called by their names. @throws FilterError for one that makes no sense */
export function recordFilter(text: string): Filter {
  return parseFilter(text, { users: (name) => userId(name) });
}

/** Why the filter of what is recorded makes no sense, where it makes none. @param path Of its text in the configuration */
export function recordFilterFindings(text: string | undefined, path: Finding['path']): Finding[] {
  return findingsOf(text, path, { rows: collected });
}

/** Why a filter of rows makes no sense, where it makes none. @param path Of its text in the configuration */
export function filterFindings(text: string | undefined, path: Finding['path']): Finding[] {
  return findingsOf(text, path, {});
}

function findingsOf(text: string | undefined, path: Finding['path'], options: ParseOptions): Finding[] {
  if (text === undefined) return [];
  try {
    parseFilter(text, { ...options, users: (name) => userId(name) });
    return [];
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return [{ path, message: `filter: ${error.message}` }];
  }
}
