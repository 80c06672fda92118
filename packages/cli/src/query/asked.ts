/** What the command line asks, checked before anything is opened. */
import { parseDuration } from '@weir/ebpf/duration';
import { OptionError } from '@weir/ebpf/errors';
import { nearest } from '@weir/ebpf/nearest';
import { userId } from '@weir/ebpf/sys';
import { filterSource, groupFields, parseTime, parseTimeRange, systemZone } from '@weir/history/query';
import { FilterError, parseFilter } from '@weir/tracer/filter';
import { UsageError } from '../failure.js';
import type { QueryRequest } from './query-command.js';
import type { WrittenFilter } from './questions.js';

interface Range {
  readonly from: bigint;
  readonly to: bigint;
}

interface InRange {
  readonly range: Range;
  readonly filter: WrittenFilter | undefined;
}

/** A question with its times, filter and fields read. */
export type Asked =
  | ({ readonly kind: 'connections' } & InRange)
  | ({ readonly kind: 'groups'; readonly by: readonly string[] } & InRange)
  | ({ readonly kind: 'series'; readonly by: readonly string[]; readonly step: bigint } & InRange)
  | ({ readonly kind: 'compare'; readonly by: readonly string[]; readonly against: Range } & InRange)
  | { readonly kind: 'open-at'; readonly at: bigint; readonly filter: WrittenFilter | undefined }
  | { readonly kind: 'sql'; readonly sql: string };

const exclusive = [
  ['series', '--series'],
  ['openAt', '--open-at'],
  ['compare', '--compare'],
] as const;

/** @param now Nanoseconds since 1970. @throws UsageError for what makes no sense */
export function readAsked({ range: rangeText, flags }: QueryRequest, now: bigint): Asked {
  const options = { now, zone: systemZone() };
  const given = exclusive.filter(([name]) => flags[name] !== undefined).map(([, flag]) => flag);
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} are different questions: choose one`);
  if (flags.sql !== undefined) {
    if (rangeText !== undefined)
      throw new UsageError('--sql has its times in its statement: leave out the range');
    if (flags.sql.trim() === '') throw new UsageError('--sql: expected a statement');
    return { kind: 'sql', sql: flags.sql };
  }
  const table = flags.openAt === undefined ? 'ends' : 'opens';
  const filter =
    flags.filter === undefined ? undefined : readFilter(flags.filter, table, flags.url !== undefined);
  if (flags.openAt !== undefined) {
    if (rangeText !== undefined) throw new UsageError('--open-at is about one moment: leave out the range');
    if (flags.by !== undefined) throw new UsageError('--by makes groups of a range, not of --open-at');
    const text = flags.openAt;
    return { kind: 'open-at', at: checked('--open-at', () => parseTime(text, options)), filter };
  }
  const range = checked('range', () => parseTimeRange(rangeText?.trim() ?? '-1h', options));
  const by = flags.by === undefined ? [] : readFields(flags.by);
  if (flags.compare !== undefined) {
    const text = flags.compare;
    const against = checked('--compare', () => parseTimeRange(text, options));
    return { kind: 'compare', range, against, filter, by: by.length === 0 ? ['process', 'peer'] : by };
  }
  if (flags.series !== undefined) return { kind: 'series', range, filter, by, step: readStep(flags.series) };
  return flags.by === undefined
    ? { kind: 'connections', range, filter }
    : { kind: 'groups', range, filter, by };
}

function checked<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    throw new UsageError(`${what}: ${error.message}`, { cause: error });
  }
}

function readStep(text: string): bigint {
  const step = BigInt(Math.round(checked('--series', () => parseDuration(text)))) * 1_000_000n;
  if (step < 1_000_000_000n) throw new UsageError('--series: expected at least a second');
  return step;
}

/** @param isElsewhere Users are those of another host, which reads the filter anew. */
function readFilter(text: string, table: 'ends' | 'opens', isElsewhere: boolean): WrittenFilter {
  const { columns } = filterSource(table);
  const what = table === 'ends' ? 'connections that ended' : 'connections that were open';
  try {
    const users = (name: string) => (isElsewhere ? 0 : userId(name));
    return { text, tree: parseFilter(text, { rows: { columns, what }, users }) };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new UsageError(`--filter: ${error.message}`, { cause: error });
  }
}

/** @throws UsageError for a field that there is not, or that is there twice, with its column */
function readFields(text: string): string[] {
  const names = text.split(',');
  const empty = names.indexOf('');
  if (empty >= 0) {
    const column = names.slice(0, empty).join(',').length + (empty === 0 ? 1 : 2);
    throw new UsageError(`--by: expected a field between commas, such as process,peer (column ${column})`);
  }
  let column = 1;
  for (const [index, name] of names.entries()) {
    if (!Object.hasOwn(groupFields, name)) {
      const near = nearest(name, Object.keys(groupFields));
      const better =
        near === undefined ? `choose from ${Object.keys(groupFields).join(', ')}` : `did you mean ${near}?`;
      throw new UsageError(
        `--by: ${JSON.stringify(name)} is no field to group by; ${better} (column ${column})`,
      );
    }
    if (names.indexOf(name) < index) throw new UsageError(`--by: ${name} is there twice (column ${column})`);
    column += name.length + 1;
  }
  return names;
}
