/** What a filter needs to know of rows, and which ids it asks for. Pure. */
import type { Filter, FilterField, FilterValue } from '@weir/tracer/filter';
import { fieldNamed } from '@weir/tracer/filter';
import { comparable } from '@weir/tracer/filter/compile';
import type { RowId } from '../rollup/id-filter.js';
import { isHostField } from './host-names.js';

/** The columns on which a filter depends; undefined: on any. A network is looked for in columns that no filter has. */
export function neededColumns(filter: Filter): string[] | undefined {
  switch (filter.kind) {
    case 'anywhere':
      return undefined;
    case 'not':
      return neededColumns(filter.of);
    case 'test': {
      const field = fieldNamed(filter.field);
      if (field !== undefined && isHostField(field)) return ['host_id'];
      return field === undefined
        ? []
        : [...field.columns, ...filter.values.flatMap((value) => neededBy(field, value))];
    }
    default: {
      const parts = filter.of.map(neededColumns);
      return parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part!);
    }
  }
}

function neededBy(field: FilterField, value: FilterValue): string[] {
  if (value.kind === 'word') return Object.keys(field.words?.[value.word] ?? {});
  if (value.kind === 'service') return ['transport'];
  return value.kind === 'network' ? ['local_ip', 'peer_ip'] : [];
}

/** Ids of which rows must have one to meet a filter; undefined where others may. */
export function neededIds(filter: Filter): RowId[] | undefined {
  if (filter.kind === 'and') return filter.of.map(neededIds).find((ids) => ids !== undefined);
  if (filter.kind !== 'test') return undefined;
  const field = fieldNamed(filter.field);
  const ids = filter.values.map((value) => (field === undefined ? undefined : wholeId(field, value)));
  return ids.length > 0 && ids.every((id) => id !== undefined) ? ids : undefined;
}

/** The id that a value is as a whole; for a flow_id, the number before its point. */
export function wholeId({ columns }: FilterField, value: FilterValue): RowId | undefined {
  const [column, ...others] = columns;
  const isFlow = column === 'flow_id';
  if ((!isFlow && column !== 'connection_id') || others.length > 0) return undefined;
  const pattern = isFlow ? /^([0-9a-f]{15})\.\d+$/ : /^([0-9a-f]{16})$/;
  const digits = pattern.exec(comparable(wholeText(value)))?.[1];
  return digits === undefined
    ? undefined
    : { column: isFlow ? 'flow_ns' : 'connection_id', value: BigInt(`0x${digits}`) };
}

function wholeText(value: FilterValue): string {
  if (value.kind === 'part') return value.text;
  if (value.kind !== 'pattern') return '';
  const [first, ...others] = value.parts;
  return others.length === 0 && first?.kind === 'literal' ? first.text : '';
}

/** Whether only rows of one direction can meet a filter: connections then have one end among them. */
export function isOneWay(filter: Filter): boolean {
  if (filter.kind === 'and') return filter.of.some(isOneWay);
  if (filter.kind !== 'test') return false;
  const field = fieldNamed(filter.field);
  // Only who connects fails.
  if (field?.name === 'error') return true;
  const [value, ...others] = filter.values;
  if (value?.kind !== 'word' || others.length > 0) return false;
  const meaning = field?.words?.[value.word];
  return meaning?.direction !== undefined || meaning?.event === 'fail';
}
