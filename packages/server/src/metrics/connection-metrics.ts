/**
 * Counts what the rows of batches say about connections, by the labels of each. Each payload byte is counted once for each end that
 * is on this host: rows of intervals have those of a live connection, and the row of its end has them where there is none. Pure.
 */
import type { Batch, TableColumns } from '@weir/history/schema';
import { type LabelName, LabelReader } from './label-reader.js';
import { closers, type LabelSet } from './label-set.js';
import { LabelSets } from './label-sets.js';
import { KeyReader, OpenSet } from './open-set.js';
import { PeerGroups, type PeerOptions } from './peer-groups.js';

/** What is counted by which labels. */
export interface ConnectionMetricsOptions extends PeerOptions {
  readonly labels: readonly LabelName[];
  /** Series of all connections together. */
  readonly maxSeries: number;
  /** Milliseconds after which labels that nothing uses are removed. */
  readonly idle: number;
}

const UNKNOWN_CLOSER = closers.indexOf('unknown');
const UNKNOWN_ERROR = 'unknown';
/** The last boots of a host: a sweep of a later one will not say what an earlier one had open. */
const MOST_HOSTS = 8;

/** Counters of connections. */
export class ConnectionMetrics {
  readonly #options: ConnectionMetricsOptions;
  readonly #peers: PeerGroups;
  readonly #hosts = new Map<bigint, OpenSet>();
  readonly #key: Int32Array;
  /** All sets of labels with their figures. */
  readonly sets: LabelSets;
  #capped = 0;

  /** @throws OptionError for prefixes that are none */
  constructor(options: ConnectionMetricsOptions) {
    const { labels, maxSeries, idle } = options;
    this.#options = options;
    this.#peers = new PeerGroups(options);
    this.sets = new LabelSets({ names: labels, maxSeries, idleMs: idle });
    this.#key = new Int32Array(this.sets.width);
  }

  /** Rows of which something was counted beyond the limit of series. */
  get capped(): number {
    return this.#capped;
  }

  /** Counts a batch that was stored. Its large tables must be there as columns. @param nowMs For how long labels were not used. */
  add(batch: Batch, nowMs: number): void {
    const columns = batch.columns ?? {};
    const reader = this.#begin(columns, nowMs);
    const open = this.#openOf(batch.host_id);
    if (batch.sweep === 'full') open.beginFull();
    if (columns.opens !== undefined) this.#addOpens(columns.opens, reader, open);
    if (batch.sweep === 'full') open.endFull();
    if (columns.ends !== undefined) this.#addEnds(columns.ends, reader, open);
    if (columns.intervals !== undefined) this.#addIntervals(columns.intervals, reader);
    // Who comes next does not know these connections by the same sweep.
    if (batch.goodbye) this.#clear(open);
  }

  /** Connections that an earlier server has left open: they are not counted as opened. */
  addOpen(host: bigint, table: TableColumns, nowMs: number): void {
    const reader = this.#begin({ opens: table }, nowMs);
    this.#addOpens(table, reader, this.#openOf(host), false);
  }

  #begin(columns: NonNullable<Batch['columns']>, nowMs: number): LabelReader {
    this.sets.begin(nowMs);
    const [first] = Object.values(columns);
    return new LabelReader(this.sets.values, this.#peers, first?.strings ?? []);
  }

  #openOf(host: bigint): OpenSet {
    const open = this.#hosts.get(host) ?? new OpenSet();
    this.#hosts.delete(host);
    this.#hosts.set(host, open);
    if (this.#hosts.size > MOST_HOSTS) {
      const [oldest] = this.#hosts;
      this.#clear(oldest![1]);
      this.#hosts.delete(oldest![0]);
    }
    return open;
  }

  #clear(open: OpenSet): void {
    open.beginFull();
    open.endFull();
  }

  #addOpens(table: TableColumns, reader: LabelReader, open: OpenSet, areNew = true): void {
    const readKey = reader.keyReader(table, this.#options.labels);
    const keys = new KeyReader(table);
    const hasStarted = presence(table, 'started');
    for (let row = 0; row < table.rows; row++) {
      readKey(row, this.#key);
      const set = this.sets.find(this.#key);
      const isNew = open.add(keys.flowKey(row) ?? keys.endsKey(row), set, keys.firstSeenNs(row));
      // What was opened before the collector began was not opened now.
      if (!isNew || !areNew || !hasStarted(row)) continue;
      set.opened++;
      if (set.isOther) this.#capped++;
    }
  }

  #addEnds(table: TableColumns, reader: LabelReader, open: OpenSet): void {
    const { sets } = this;
    const key = this.#key;
    const readKey = reader.keyReader(table, this.#options.labels);
    const keys = new KeyReader(table);
    const eventAt = textAt(table, 'event');
    const closerAt = textAt(table, 'closed_by');
    const errorAt = textAt(table, 'error');
    const handshakes = numbersOf(table, 'handshake_us');
    const hasHandshake = presence(table, 'handshake_us');
    const hasDuration = presence(table, 'duration_us');
    const intervals = numbersOf(table, 'interval_rows');
    const addFigures = this.#figureAdder(table);
    for (let row = 0; row < table.rows; row++) {
      readKey(row, key);
      const set = sets.find(key);
      let isCapped = set.isOther;
      if (eventAt(row) === 'fail') {
        isCapped = sets.addFailed(set, errorAt(row) ?? UNKNOWN_ERROR).isOther || isCapped;
      } else {
        const isTracked = hasDuration(row);
        if (!removeFrom(open, keys, row, isTracked) && isTracked) set.opened++;
        const closer = closers.indexOf(closerAt(row) ?? '');
        isCapped = sets.addClosed(set, closer < 0 ? UNKNOWN_CLOSER : closer).isOther || isCapped;
      }
      if (hasHandshake(row))
        isCapped = sets.addTime(set, 'handshake', handshakes![row]! / 1e6).isOther || isCapped;
      if (intervals?.[row] === 0) isCapped = addFigures(row, set).isOther || isCapped;
      if (isCapped) this.#capped++;
    }
  }

  #addIntervals(table: TableColumns, reader: LabelReader): void {
    const key = this.#key;
    const readKey = reader.keyReader(table, this.#options.labels);
    const addFigures = this.#figureAdder(table);
    for (let row = 0; row < table.rows; row++) {
      readKey(row, key);
      const set = this.sets.find(key);
      const isCapped = addFigures(row, set).isOther || set.isOther;
      if (isCapped) this.#capped++;
    }
  }

  /** Adds what a row moved, and the round-trip time then. */
  #figureAdder(table: TableColumns): (row: number, set: LabelSet) => LabelSet {
    const sent = numbersOf(table, 'bytes_sent');
    const received = numbersOf(table, 'bytes_received');
    const retransmits = numbersOf(table, 'retransmits');
    const times = numbersOf(table, 'srtt_us');
    const hasTime = presence(table, 'srtt_us');
    return (row, set) => {
      // Where a row has no value, there is 0.
      set.sent += sent?.[row] ?? 0;
      set.received += received?.[row] ?? 0;
      set.retransmits += retransmits?.[row] ?? 0;
      return hasTime(row) ? this.sets.addTime(set, 'rtt', times![row]! / 1e6) : set;
    };
  }
}

/**
 * Whether a connection that has ended had been found by a sweep.
 *
 * @param isTracked Whether its beginning was seen: then a sweep knew the number of its flow.
 */
function removeFrom(open: OpenSet, keys: KeyReader, row: number, isTracked: boolean): boolean {
  if (open.size === 0 || keys.firstSeenNs(row) > open.newestNs) return false;
  const flow = keys.flowKey(row);
  if (flow !== undefined && open.remove(flow)) return true;
  return !isTracked && open.remove(keys.endsKey(row));
}

function numbersOf({ columns }: TableColumns, name: string): ArrayLike<number> | undefined {
  return columns.get(name)?.values as Float64Array | undefined;
}

/** Whether a row has a value. */
function presence({ columns }: TableColumns, name: string): (row: number) => boolean {
  const column = columns.get(name);
  if (column === undefined) return () => false;
  const { gaps } = column;
  return gaps === undefined ? () => true : (row) => ((gaps[row >> 3]! >> (row & 7)) & 1) === 0;
}

function textAt(table: TableColumns, name: string): (row: number) => string | undefined {
  const has = presence(table, name);
  const places = numbersOf(table, name);
  return (row) => (has(row) ? table.strings[places![row]!] : undefined);
}
