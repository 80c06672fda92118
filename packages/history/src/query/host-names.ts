/**
 * What hosts are called. A host is a machine and its name: each boot of it has a number of its own in rows, and another row of `hosts`.
 * Pure.
 */
import { unescapeName } from '@weir/tracer/escape';
import { type ColumnReaders, type Filter, type FilterField, fieldNamed } from '@weir/tracer/filter';
import type { HostRow } from '../schema/index.js';
import type { GroupField } from './fields.js';
import type { GroupKey } from './keys.js';
import type { SqlDialect } from './sql-dialect.js';

/** A boot of a host. */
export interface NamedHost {
  /** `host_id` of its rows. */
  readonly id: bigint;
  readonly name: string;
  /** The name with a part of the machine's id behind it, which no other host has. */
  readonly label: string;
}

/** What filters test of a host. */
export const hostColumns: ColumnReaders<NamedHost, void> = {
  host_name: ({ name }) => unescapeName(name),
  host_label: ({ label }) => unescapeName(label),
  host_boot: ({ id }) => hostIdText(id),
};

/** The id of a host and its boot as answers have it. */
function hostIdText(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}

/** Whether a field of filters tests the host. */
export function isHostField({ columns }: FilterField): boolean {
  return columns.includes('host_name');
}

/** Whether the meaning of a filter depends on the hosts that there are. */
export function namesHosts(filter: Filter): boolean {
  switch (filter.kind) {
    case 'anywhere':
      return false;
    case 'not':
      return namesHosts(filter.of);
    case 'test': {
      const field = fieldNamed(filter.field);
      return field !== undefined && isHostField(field);
    }
    default:
      return filter.of.some(namesHosts);
  }
}

/**
 * What was grouped, with what hosts are called in keys by host.
 *
 * @param hosts Asks for the rows of `hosts`, which only such keys need.
 */
export async function withHostNames<Grouped extends { readonly key: GroupKey }>(
  by: readonly string[],
  list: readonly Grouped[],
  hosts: () => Promise<readonly HostRow[]>,
): Promise<readonly Grouped[]> {
  if (!by.includes('host') || list.length === 0) return list;
  const names = new HostNames(await hosts());
  return list.map((each) => ({ ...each, key: names.named(each.key) }));
}

const MACHINE_DIGITS = 8;

function labelOf({ name, machine_id: machine }: HostRow): string {
  return `${name}/${machine === undefined ? '-' : machine.slice(0, MACHINE_DIGITS)}`;
}

/** Hosts by the numbers of their boots. */
export class HostNames {
  /** Each boot, the newest first. */
  readonly known: readonly NamedHost[];
  /** The newest boot of the host of each boot. */
  readonly #newest = new Map<bigint, bigint>();
  /** What each boot's host is called in answers. */
  readonly #shown = new Map<bigint, string>();

  /** @param rows Those of `hosts`, in any order. */
  constructor(rows: readonly HostRow[]) {
    const sorted = rows.toSorted((a, b) => (a.time > b.time ? -1 : a.time < b.time ? 1 : 0));
    this.known = sorted.map((row) => ({ id: row.host_id, name: row.name, label: labelOf(row) }));
    const labels = new Map<string, Set<string>>();
    const newest = new Map<string, bigint>();
    for (const { id, name, label } of this.known) {
      labels.set(name, (labels.get(name) ?? new Set()).add(label));
      if (!newest.has(label)) newest.set(label, id);
      this.#newest.set(id, newest.get(label)!);
    }
    for (const { id, name, label } of this.known)
      this.#shown.set(id, labels.get(name)!.size > 1 ? label : name);
  }

  /** Its name; the one with a part of the machine's id where another host has the same name; its id where it is not known. */
  shown(id: bigint): string {
    return this.#shown.get(id) ?? hostIdText(id);
  }

  /** The key of a group, whose host is the id of a boot, with what the host is called. */
  named(key: GroupKey): GroupKey {
    const { host } = key;
    return typeof host === 'string' ? { ...key, host: this.shown(BigInt(`0x${host}`)) } : key;
  }

  /** Fields to group by, in which boots of one host are the newest of them. @param names Of the fields. */
  joined(
    names: readonly string[],
    fields: readonly GroupField[],
    { recoded }: Pick<SqlDialect, 'recoded'>,
  ): readonly GroupField[] {
    const older = [...this.#newest].filter(([id, newest]) => id !== newest);
    if (older.length === 0 || !names.includes('host')) return fields;
    const sql = recoded(
      'host_id',
      older.map(([id]) => id),
      older.map(([, newest]) => newest),
    );
    return fields.map((field, index) =>
      names[index] === 'host' ? { ...field, sql, ...(field.rollup !== undefined && { rollup: sql }) } : field,
    );
  }
}
