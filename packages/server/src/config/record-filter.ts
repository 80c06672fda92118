/** The filter of what is recorded. */
import type { Finding } from '@weir/config';
import { userId } from '@weir/ebpf/sys';
import { type Filter, FilterError, parseFilter } from '@weir/tracer/filter';

/** Parses it; users may be called by their names. @throws FilterError for one that makes no sense */
export function recordFilter(text: string): Filter {
  return parseFilter(text, { users: (name) => userId(name) });
}

/** Why a filter makes no sense, where it makes none. @param path Of its text in the configuration */
export function filterFindings(text: string | undefined, path: Finding['path']): Finding[] {
  if (text === undefined) return [];
  try {
    recordFilter(text);
    return [];
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    return [{ path, message: `filter: ${error.message}` }];
  }
}
