/** The filter of what is recorded. */
import { userId } from '@weir/ebpf/sys';
import { type Filter, parseFilter } from '@weir/tracer/filter';

/** Parses it; users may be called by their names. @throws FilterError for one that makes no sense */
export function recordFilter(text: string): Filter {
  return parseFilter(text, { users: (name) => userId(name) });
}
