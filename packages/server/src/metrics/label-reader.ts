/** Reads labels of rows as numbers, column by column. Pure. */
import type { ColumnValues, TableColumns } from '@weir/history/schema';
import type { metricLabels } from '../config/serve-schema.js';
import { fixedLabels, fixedNames } from './label-sets.js';
import type { LabelValues } from './label-values.js';
import type { PeerGroups } from './peer-groups.js';

/** Columns of a label: the first one with a value counts. The peer and the serving port are found in their own way. */
const columnsOfLabel = {
  process: ['comm'],
  unit: ['unit'],
  container: ['container_name', 'container_id'],
  pod: ['pod_name'],
  namespace: ['pod_namespace'],
} as const;

/** A label that can be chosen. */
export type LabelName = (typeof metricLabels)[number];

/** A column of texts. */
interface Texts {
  readonly places: ArrayLike<number>;
  readonly gaps: Uint8Array | undefined;
}

type ReadLabel = (row: number) => number;

/** A bit of a bitmap of rows without a value. */
export function isGap(gaps: Uint8Array | undefined, row: number): boolean {
  return gaps !== undefined && ((gaps[row >> 3]! >> (row & 7)) & 1) === 1;
}

/** Reads labels of the rows of one batch. Each text is looked up once. */
export class LabelReader {
  readonly #values: LabelValues;
  readonly #peers: PeerGroups;
  readonly #strings: readonly string[];
  readonly #empty: number;
  /** Numbers of texts by their places, plus one. */
  readonly #ids: Int32Array;
  #peerIds: Int32Array | undefined;
  #portIds: Int32Array | undefined;

  /** @param strings The texts of the batch. */
  constructor(values: LabelValues, peers: PeerGroups, strings: readonly string[]) {
    this.#values = values;
    this.#peers = peers;
    this.#strings = strings;
    this.#empty = values.idOf('');
    this.#ids = new Int32Array(strings.length);
  }

  /** Reads the labels of a table's rows into a key, one number each. */
  keyReader({ columns }: TableColumns, names: readonly LabelName[]): (row: number, key: Int32Array) => void {
    const reads = [
      ...fixedNames.map((name) => this.#fixedReader(columns, name)),
      ...names.map((name) => this.#labelReader(columns, name)),
    ];
    return (row, key) => {
      for (let index = 0; index < reads.length; index++) key[index] = reads[index]!(row);
    };
  }

  /** Reads one of few values; any other one counts as none. */
  #fixedReader(columns: ReadonlyMap<string, ColumnValues>, name: keyof typeof fixedLabels): ReadLabel {
    const read = this.#textReader(columns, [name]);
    const known = new Set<number>(fixedLabels[name].map((value) => this.#values.idOf(value)));
    return (row) => {
      const id = read(row);
      return known.has(id) ? id : this.#empty;
    };
  }

  #labelReader(columns: ReadonlyMap<string, ColumnValues>, name: LabelName): ReadLabel {
    if (name === 'peer') return this.#peerReader(columns);
    return name === 'port' ? this.#portReader(columns) : this.#textReader(columns, columnsOfLabel[name]);
  }

  #textReader(columns: ReadonlyMap<string, ColumnValues>, names: readonly string[]): ReadLabel {
    const [first, second] = names.flatMap((name) => textsOf(columns, name) ?? []);
    if (first === undefined) return () => this.#empty;
    const read = (row: number) => (isGap(first.gaps, row) ? this.#empty : this.#idAt(first.places[row]!));
    if (second === undefined) return read;
    return (row) =>
      isGap(first.gaps, row) && !isGap(second.gaps, row) ? this.#idAt(second.places[row]!) : read(row);
  }

  #idAt(place: number): number {
    const known = this.#ids[place]!;
    if (known !== 0) return known - 1;
    const id = this.#values.idOf(this.#strings[place]!);
    this.#ids[place] = id + 1;
    return id;
  }

  #peerReader(columns: ReadonlyMap<string, ColumnValues>): ReadLabel {
    const peers = textsOf(columns, 'peer_address');
    if (peers === undefined) return () => this.#empty;
    this.#peerIds ??= new Int32Array(this.#strings.length);
    const ids = this.#peerIds;
    return (row) => {
      const place = peers.places[row]!;
      if (ids[place] === 0) ids[place] = this.#values.idOf(this.#peers.labelOf(this.#strings[place]!)) + 1;
      return ids[place]! - 1;
    };
  }

  /** The port that serves: never that of a client, and none where it is not known which side that is. */
  #portReader(columns: ReadonlyMap<string, ColumnValues>): ReadLabel {
    const sides = textsOf(columns, 'direction');
    const local = columns.get('local_port')?.values as Uint16Array | undefined;
    const peer = columns.get('peer_port')?.values as Uint16Array | undefined;
    if (sides === undefined || local === undefined || peer === undefined) return () => this.#empty;
    const [inbound, outbound] = [this.#strings.indexOf('inbound'), this.#strings.indexOf('outbound')];
    this.#portIds ??= new Int32Array(2 ** 16);
    const ids = this.#portIds;
    return (row) => {
      const side = isGap(sides.gaps, row) ? undefined : sides.places[row];
      if (side !== inbound && side !== outbound) return this.#empty;
      const port = (side === inbound ? local : peer)[row]!;
      if (ids[port] === 0) ids[port] = this.#values.idOf(String(port)) + 1;
      return ids[port]! - 1;
    };
  }
}

function textsOf(columns: ReadonlyMap<string, ColumnValues>, name: string): Texts | undefined {
  const column = columns.get(name);
  return column && { places: column.values as Uint32Array, gaps: column.gaps };
}
