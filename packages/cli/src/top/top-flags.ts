/** Turns the flags of `weir top` into a request. */
import type { Btf } from '@weir/ebpf';
import type { ConnectionsOptions, TracerOptions } from '@weir/tracer';
import { FilterError } from '@weir/tracer/filter';
import { type SharedTracerFlags, tracerFlagOptions } from '../args/tracer-flags.js';
import { UsageError } from '../failure.js';
import type { ColourMode, Paint } from '../text/colour.js';
import { checkFilter, parseTopFilter } from './filter/top-filter.js';
import { columnsOf, defaultSort, type Sort, type ViewName } from './table/views.js';
import type { TopRequest } from './top-session.js';

/** Parsed flags, by commander's names. */
export interface TopFlags extends SharedTracerFlags {
  readonly view: ViewName;
  readonly filter?: string;
  readonly sort?: string;
  readonly reverse?: boolean;
  readonly rows?: number;
  readonly tcp: boolean;
  readonly udp: boolean;
  readonly ipv6: boolean;
  readonly netns?: readonly number[];
  readonly tcpIdle?: number;
  readonly udpIdle?: number;
  readonly limit?: number;
  readonly enrich: boolean;
  readonly resolve?: boolean;
  readonly interval?: number;
  readonly once?: boolean;
  readonly count?: number;
  readonly json?: boolean;
  readonly color: ColourMode;
  readonly wide?: boolean;
  /** A time in the past, as it was written. */
  readonly at?: string;
  /** Where its history is. */
  readonly folder?: string;
  readonly url?: string;
  readonly token?: string;
  readonly cacert?: string;
  readonly debug?: boolean;
}

/** Whether flags ask for printed output even on a terminal. */
export function isPrinted({ once, count, json }: TopFlags): boolean {
  return once === true || json === true || count !== undefined;
}

/** Connections held at a time, in the kernel's table, which has its memory from the start, and in the one that is shown. */
const defaultLimit = 131_072;
/** Milliseconds. */
const defaultIntervalMs = { shown: 2_000, once: 1_000 };

/**
 * Builds the request of a session.
 *
 * @param width Columns of the terminal that it prints to; undefined: lines are not fitted.
 * @throws UsageError for a filter or a column that makes no sense.
 */
export function topRequest(
  flags: TopFlags,
  paint: Paint,
  width: number | undefined,
  btf?: Btf | 'discover',
): TopRequest {
  const text = filterText(flags);
  return {
    options: tracerOptions(flags, btf),
    connections: connectionsOptions(flags),
    view: flags.view,
    sort: sortOf(flags),
    filterText: text,
    filter: parseTopFilter(text),
    rows: flags.rows ?? Number.POSITIVE_INFINITY,
    width: flags.wide ? Number.POSITIVE_INFINITY : (width ?? Number.POSITIVE_INFINITY),
    paint,
    json: flags.json === true,
    enrich: flags.enrich,
    resolve: flags.resolve === true,
    intervalMs: flags.interval ?? (flags.once ? defaultIntervalMs.once : defaultIntervalMs.shown),
    count: flags.once ? 1 : (flags.count ?? Number.POSITIVE_INFINITY),
  };
}

/** The tracer's options; those without a flag are absent. */
function tracerOptions(flags: TopFlags, btf?: Btf | 'discover'): TracerOptions {
  return {
    ...(flags.netns !== undefined && { filter: { netns: flags.netns } }),
    ...tracerFlagOptions(flags, btf),
    maxConnections: flags.limit ?? defaultLimit,
  };
}

function connectionsOptions(flags: TopFlags): ConnectionsOptions {
  const { tcp, udp, ipv6, limit, tcpIdle, udpIdle } = flags;
  return {
    ...{ tcp, udp, ipv6 },
    limit: limit ?? defaultLimit,
    ...(tcpIdle !== undefined && { tcpIdleMs: tcpIdle }),
    ...(udpIdle !== undefined && { udpIdleMs: udpIdle }),
  };
}

/** @throws UsageError for a column that the view does not have. */
function sortOf({ view, sort, reverse = false, at }: TopFlags): Sort {
  const fallback = defaultSort(view);
  if (sort === undefined) return { ...fallback, descending: fallback.descending !== reverse };
  const columns = columnsOf(view, at !== undefined);
  const column = columns.find(({ id }) => id === sort);
  if (column === undefined) {
    const names = columns.map(({ id }) => id).join(', ');
    throw new UsageError(`--sort: the view of ${view} has no column ${sort}, but ${names}`);
  }
  return { column: column.id, descending: column.descending !== reverse };
}

/** @throws UsageError for a filter with a wrong term. */
function filterText({ filter = '' }: TopFlags): string {
  try {
    checkFilter(filter);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--filter: ${error.message}`, { cause: error });
  }
  return filter;
}
