/** What a killed collector has left in its files about open connections. */
import type { KnownConnection } from '../collector/open-connection.js';
import type { KeptState, SweepState } from '../collector/open-state.js';
import { SpoolReader } from '../spool/spool-file.js';
import type { OpenRows } from './open-columns.js';
import { decodeOpen, type KeptBatch, type OpenRecord } from './open-record.js';

/** The paths of the two files. */
export type OpenPaths = readonly [string, string];

/** What it has left. */
export class LeftOpen {
  /** The file that has it. */
  readonly inUse: number;
  /** What follows in it is of a batch that was never kept. */
  readonly bytes: number;
  #state: KeptState | undefined;

  constructor(inUse: number, bytes: number, state: KeptState) {
    this.inUse = inUse;
    this.bytes = bytes;
    this.#state = state;
  }

  /** What was known of open connections, once: much of it is soon of no use any more. */
  take(): KeptState | undefined {
    const state = this.#state;
    this.#state = undefined;
    return state;
  }
}

/** What it knew with a batch; undefined where neither file says that, or what says it is damaged. */
export function readOpen(paths: OpenPaths, epoch: string, batch: KeptBatch): LeftOpen | undefined {
  for (const [inUse, path] of paths.entries()) {
    try {
      const found = readFile(path, epoch, batch);
      if (found !== undefined) return new LeftOpen(inUse, found.bytes, found.state);
    } catch {
      // It is not there, or it is damaged in a way that its digests do not show. The other one may do.
    }
  }
  return undefined;
}

function readFile(
  path: string,
  epoch: string,
  { number, monotonicNs }: KeptBatch,
): { readonly state: KeptState; readonly bytes: number } | undefined {
  using reader = new SpoolReader(path);
  const replay = new Replay();
  let bytes = 0;
  for (let next = reader.next(); next.kind === 'batch'; next = reader.next()) {
    const record = decodeOpen(next.payload);
    if (record.epoch !== epoch || record.number > number) break;
    if (!replay.add(record)) return undefined;
    bytes = reader.offset;
  }
  const { state } = replay;
  const isOfBatch = replay.number === number && replay.monotonicNs === monotonicNs;
  return state !== undefined && isOfBatch ? { state, bytes } : undefined;
}

/** A file, record by record. */
class Replay {
  #sweep: SweepState | undefined;
  readonly #places = new Map<string, Place>();
  /** Connections that are to come with further records of the same batch, and how many of them are gone. */
  #left = 0;
  #gone = 0;
  /** The batch up to which it is known what was open. */
  number = -1;
  monotonicNs = 0;

  /** Undefined where a part of it is missing. */
  get state(): KeptState | undefined {
    if (this.#sweep === undefined || this.#left > 0) return undefined;
    return {
      ...this.#sweep,
      connections: [...this.#places.values()].map((place) => this.#connection(place)),
    };
  }

  #connection({ rows, row, identityRows, identityRow }: Place): KnownConnection {
    const known = rows.connection(row, identityRows.identity(identityRow));
    const { sweptNs: untilNs, endedNs: foundNs } = this.#sweep!;
    // Idle ones are not written again with each sweep.
    return known.counted === undefined ? known : { ...known, untilNs, foundNs };
  }

  /** False where a record does not go with those before it. */
  add({ number, monotonicNs, content, connections }: OpenRecord): boolean {
    if (content.kind === 'more') {
      if (this.#left === 0 || number !== this.number) return false;
    } else {
      const isNext = content.kind === 'all' || number === this.number || number === this.number + 1;
      if (!isNext || this.#left > 0 || (content.kind === 'changes' && this.#sweep === undefined))
        return false;
      const { sweptNs, endedNs, hasFoundAll } = content;
      this.#sweep = { sweptNs, endedNs, hasFoundAll };
      this.#left = content.total;
      this.#gone = content.kind === 'all' ? 0 : content.gone;
    }
    this.number = number;
    this.monotonicNs = monotonicNs;
    for (let row = 0; row < connections.length; row++) this.#take(connections, row);
    return this.#left >= 0;
  }

  #take(rows: OpenRows, row: number): void {
    this.#left--;
    const name = rows.name(row);
    if (name === undefined) return;
    const known = this.#places.get(name);
    if (this.#gone > 0) {
      this.#gone--;
      this.#places.delete(name);
    } else if (known === undefined || rows.hasIdentity(row)) {
      this.#places.set(name, { rows, row, identityRows: rows, identityRow: row });
    } else {
      known.rows = rows;
      known.row = row;
    }
  }
}

/** Where what is known of a connection is. */
interface Place {
  rows: OpenRows;
  row: number;
  readonly identityRows: OpenRows;
  readonly identityRow: number;
}
