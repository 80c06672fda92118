/** Connections that are open, as sweeps have found them, so that none is counted twice. Pure. */
import type { TableColumns } from '@weir/history/schema';
import { isGap } from './label-reader.js';
import type { LabelSet } from './label-set.js';

/** What identifies a connection: the number of its flow, or its ends where it has none. */
export type ConnectionKey = bigint | string;

/** The open connections of a host and boot, each with the set in which it is counted. */
export class OpenSet {
  #open = new Map<ConnectionKey, LabelSet>();
  #before: ReadonlyMap<ConnectionKey, LabelSet> = new Map();
  #newestNs = 0;

  /** Number of connections. */
  get size(): number {
    return this.#open.size;
  }

  /** No connection in it was first seen later: the monotonic clock, nanoseconds. Most are too short for any sweep. */
  get newestNs(): number {
    return this.#newestNs;
  }

  /** What is added until {@link endFull} is all that is open. */
  beginFull(): void {
    this.#before = this.#open;
    this.#open = new Map();
    this.#newestNs = 0;
  }

  /** What was open before, and was not added again, is gone. */
  endFull(): void {
    for (const [key, set] of this.#before) if (!this.#open.has(key)) set.open--;
    this.#before = new Map();
  }

  /** Adds a connection; false for one that was known. */
  add(key: ConnectionKey, set: LabelSet, firstSeenNs: number): boolean {
    if (firstSeenNs > this.#newestNs) this.#newestNs = firstSeenNs;
    if (this.#open.has(key)) return false;
    const known = this.#before.get(key);
    this.#open.set(key, known ?? set);
    if (known === undefined) set.open++;
    return known === undefined;
  }

  /** A connection has ended; false for one that was not known. */
  remove(key: ConnectionKey): boolean {
    const set = this.#open.get(key);
    if (set === undefined) return false;
    set.open--;
    return this.#open.delete(key);
  }
}

/** Reads what identifies the connections of a table's rows. */
export class KeyReader {
  readonly #table: TableColumns;
  readonly #flows: BigUint64Array | undefined;
  readonly #halves: Uint32Array | undefined;
  readonly #gaps: Uint8Array | undefined;
  readonly #cpus: ArrayLike<number> | undefined;

  constructor(table: TableColumns) {
    const flows = table.columns.get('flow_ns');
    this.#table = table;
    this.#gaps = flows?.gaps;
    this.#flows = flows?.values as BigUint64Array | undefined;
    this.#cpus = table.columns.get('flow_cpu')?.values as Uint16Array | undefined;
    this.#halves =
      this.#flows && new Uint32Array(this.#flows.buffer, this.#flows.byteOffset, this.#flows.length * 2);
  }

  /** When a connection was first seen: the monotonic clock, nanoseconds; 0 where that is not known. Made without a bigint. */
  firstSeenNs(row: number): number {
    const halves = this.#halves;
    if (halves === undefined || isGap(this.#gaps, row)) return 0;
    return halves[2 * row + 1]! * 2 ** 32 + halves[2 * row]!;
  }

  /** The key of a connection by its flow; undefined where it has none. */
  flowKey(row: number): bigint | undefined {
    if (this.#flows === undefined || isGap(this.#gaps, row)) return undefined;
    return (this.#flows[row]! << 16n) | BigInt(this.#cpus?.[row] ?? 0);
  }

  /** The key of a connection by its ends. */
  endsKey(row: number): string {
    const { columns, strings } = this.#table;
    const value = (name: string) => columns.get(name)?.values[row];
    const text = (name: string) => strings[Number(value(name) ?? -1)] ?? '';
    const [local, peer] = [text('local_address'), text('peer_address')];
    return [value('netns'), text('transport'), local, value('local_port'), peer, value('peer_port')].join(
      ' ',
    );
  }
}
