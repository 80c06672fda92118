/**
 * Connections that begin and end within one batch of events: as a rule those of which there are the most. Nothing is kept of them from
 * event to event, so their rows are put together column by column, which takes a fraction of making a record and a row of each.
 */
import type { EndRecord } from '@weir/history/rows';
import type { EndRow } from '@weir/history/schema';
import { type AcceptRecord, type ColumnWord, columnWords, type EventColumns } from '@weir/tracer';
import type { SourceRows } from '../wire/column-buffer.js';
import { type BatchEncoder, partsOf } from '../wire/encode-batch.js';
import type { StringTable, TableEncoder } from '../wire/table-encoder.js';
import { EventPairs, NONE } from './event-pairs.js';
import { SharedTexts } from './shared-texts.js';

/** What else the rows depend on. */
export interface BriefOptions {
  readonly hostId: bigint;
  /** The row of an end, made of its record. Columns take over what processes, addresses and ports have in common. */
  readonly endRow: (record: EndRecord) => EndRow;
  /** Whether a connection began after the last sweep. @param begunNs CLOCK_MONOTONIC, nanoseconds. */
  readonly isUnseen: (begunNs: number) => boolean;
  /** Whether a sweep may have found one with these ports before it was accepted. */
  readonly mayBeUnnamed: (localPort: number, peerPort: number) => boolean;
  /** Whether a sweep has found one with these ends before it was accepted. */
  readonly isUnnamed: (accepted: AcceptRecord) => boolean;
}

/** Fewer events are handled one by one: each column costs something by itself. */
const LEAST_EVENTS = 16;

/** Columns of numbers, which have the same name and unit. */
const numberColumns = [
  ...[
    'netns',
    'local_port',
    'peer_port',
    'pid',
    'tid',
    'uid',
    'cgroup_id',
    'cpu',
    'flow_cpu',
    'monotonic_ns',
  ],
  ...['duration_us', 'bytes_sent', 'bytes_received', 'segments_sent', 'segments_received', 'retransmits'],
  ...['srtt_us', 'closing_us', 'subflows'],
] as const;

const endWords = ['direction', 'closed_by', 'filter'] as const;

/** Texts that follow from the process of an event. */
const processTexts = [
  ...['comm', 'thread', 'executable', 'command_line', 'container_id', 'container_runtime', 'container_name'],
  ...['pod_uid', 'pod_name', 'pod_namespace', 'unit'],
] as const satisfies readonly (keyof EndRow)[];

const OUTBOUND = columnWords.direction.indexOf('outbound');
const INBOUND = columnWords.direction.indexOf('inbound');
const CONNECT = columnWords.event.indexOf('connect');
/** A pid may be of another process with the same name in another span of this length, as for `Processes`. */
const SAME_PROCESS_NS = 50_000_000;
/** The lower half of an address that is mapped IPv4, as little-endian words. */
const MAPPED = 0xffff_0000;

/** What texts follow from, in words of 32 bits: a process, its span of time, and both names; an address and the family; a port and a direction. */
const PROCESS_WORDS = 10;
const ADDRESS_WORDS = 5;
const SERVICE_WORDS = 2;

/** The place of a word is not known yet. */
const NOT_PLACED = -2;

/** Makes the rows of brief connections. */
export class BriefConnections {
  readonly #options: BriefOptions;
  readonly #strings: StringTable;
  readonly #table: TableEncoder;
  readonly #pairs = new EventPairs();
  readonly #processes: SharedTexts;
  readonly #locals: SharedTexts;
  readonly #peers: SharedTexts;
  readonly #services: SharedTexts;
  /** Rows of ends, and of beginnings. */
  #ends = new Int32Array(0);
  #begun = new Int32Array(0);
  /** What is looked for in those, one row after the other. */
  #keys = new Uint32Array(0);
  /** What was found, and the place of a text, for each of them. */
  #entries = new Int32Array(0);
  #places = new Int32Array(0);
  /** For each row of events: it is one of those. */
  #isBrief = new Uint8Array(0);
  #count = 0;

  constructor(options: BriefOptions, encoder: BatchEncoder) {
    this.#options = options;
    const { table, strings } = partsOf(encoder);
    this.#strings = strings;
    this.#table = table('ends');
    this.#processes = new SharedTexts(PROCESS_WORDS, processTexts, strings);
    this.#locals = new SharedTexts(ADDRESS_WORDS, ['local_address', 'family'], strings);
    this.#peers = new SharedTexts(ADDRESS_WORDS, ['peer_address', 'peer_name'], strings);
    this.#services = new SharedTexts(SERVICE_WORDS, ['service'], strings);
  }

  /**
   * Adds the rows of those connections whose beginning and end are in a batch of events.
   *
   * @returns their number
   */
  add(columns: EventColumns): number {
    this.#count = 0;
    this.#prepare(columns.length);
    if (columns.length < LEAST_EVENTS) return 0;
    this.#pairs.find(columns);
    this.#choose(columns);
    if (this.#count > 0) this.#write(columns);
    return this.#count;
  }

  /** Whether a row of the batch is the beginning or the end of such a connection. */
  has(row: number): boolean {
    return this.#isBrief[row] === 1;
  }

  #prepare(length: number): void {
    if (this.#isBrief.length < length) {
      this.#isBrief = new Uint8Array(length);
      this.#ends = new Int32Array(length);
      this.#begun = new Int32Array(length);
      this.#entries = new Int32Array(length);
      this.#places = new Int32Array(length);
    }
    this.#isBrief.fill(0, 0, length);
  }

  /** Where something is rare, or has to be found out, events are handled one by one. */
  #choose(columns: EventColumns): void {
    const { other } = this.#pairs;
    const { isUnseen, mayBeUnnamed, isUnnamed } = this.#options;
    const kinds = columns.column('event');
    const times = columns.column('monotonic_ns');
    const pids = columns.column('pid');
    const closing = columns.column('closing_us');
    const interfaces = columns.column('interface_index');
    const netns = columns.column('netns');
    const directions = columns.column('direction');
    const handshakes = columns.column('handshake_us');
    const localPorts = columns.column('local_port');
    const peerPorts = columns.column('peer_port');
    const flows = halves(columns.column('flow_ns'));
    for (let row = 0; row < columns.length; row++) {
      const begun = other[row]!;
      if (begun === NONE || begun > row) continue;
      const isDirected = directions[row] === OUTBOUND || directions[row] === INBOUND;
      const isKnown = pids[row]! >= 0 && closing[row]! >= 0 && netns[row]! > 0;
      if (!isDirected || !isKnown || interfaces[row]! >= 0) continue;
      const isConnect = kinds[begun] === CONNECT;
      const handshakeNs = (handshakes[begun]! >= 0 ? handshakes[begun]! : 0) * 1000;
      const begunNs = isConnect
        ? times[begun]! - handshakeNs
        : flows[2 * begun]! + flows[2 * begun + 1]! * 2 ** 32;
      if (!isUnseen(begunNs)) continue;
      if (!isConnect && mayBeUnnamed(localPorts[begun]!, peerPorts[begun]!)) {
        if (isUnnamed(columns.record(begun) as AcceptRecord)) continue;
      }
      this.#ends[this.#count] = row;
      this.#begun[this.#count++] = begun;
      this.#isBrief[row] = this.#isBrief[begun] = 1;
    }
  }

  #write(columns: EventColumns): void {
    const count = this.#count;
    const table = this.#table;
    const ends: SourceRows = { rows: this.#ends, count };
    const begun: SourceRows = { rows: this.#begun, count };
    const at = table.extend(count);
    for (const name of numberColumns) table.column(name).putNumbers(at, ends, columns.column(name));
    table.column('handshake_us').putNumbers(at, begun, columns.column('handshake_us'));
    table.column('candidates').putNumbers(at, begun, columns.column('candidates'));
    table.column('time').putWide(at, ends, halves(columns.column('time_ns')));
    table.column('flow_ns').putWide(at, ends, halves(columns.column('flow_ns')));
    table.column('connection_id').putWide(at, ends, halves(columns.column('connection_id')), true);
    table.column('host_id').fill(at, count, this.#options.hostId);
    table.column('interval_rows').fill(at, count, 0);
    this.#fillText(at, 'transport', 'tcp');
    this.#fillText(at, 'event', 'close');
    for (const name of endWords) this.#putWords(at, name, columns, ends);
    this.#putWords(at, 'accounted', columns, begun);
    this.#putTexts(at, columns);
  }

  #fillText(at: number, name: string, text: string): void {
    this.#table.column(name).fill(at, this.#count, this.#strings.place(text));
  }

  #putWords(at: number, name: ColumnWord & string, columns: EventColumns, { rows }: SourceRows): void {
    const strings = this.#strings;
    const source = columns.column(name);
    const known = columnWords[name].map((word): number => (word === undefined ? NONE : NOT_PLACED));
    const places = this.#places;
    for (let index = 0; index < this.#count; index++) {
      const word = source[rows[index]!]!;
      if (known[word] === NOT_PLACED) known[word] = strings.place(columnWords[name][word]!);
      places[index] = known[word]!;
    }
    this.#table.column(name).putTexts(at, places, this.#count);
  }

  #putTexts(at: number, columns: EventColumns): void {
    const rowOf = (row: number): EndRow => this.#options.endRow(columns.record(row) as EndRecord);
    this.#putProcesses(at, columns, rowOf);
    this.#put(at, this.#locals, this.#keysOfAddresses(columns, 'local_address'), rowOf);
    // Names of peers become known at any time.
    this.#peers.clear();
    this.#put(at, this.#peers, this.#keysOfAddresses(columns, 'peer_address'), rowOf);
    this.#putServices(at, columns, rowOf);
  }

  #putProcesses(at: number, columns: EventColumns, rowOf: (row: number) => EndRow): void {
    const pids = columns.column('pid');
    const times = columns.column('monotonic_ns');
    const closing = columns.column('closing_us');
    const comms = halves(columns.column('comm'));
    const threads = halves(columns.column('thread'));
    const rows = this.#ends;
    const keys = this.#keysFor(PROCESS_WORDS);
    for (let index = 0, to = 0; index < this.#count; index++, to += PROCESS_WORDS) {
      const row = rows[index]!;
      keys[to] = pids[row]!;
      keys[to + 1] = Math.floor((times[row]! - closing[row]! * 1000) / SAME_PROCESS_NS);
      for (let word = 0; word < 4; word++) {
        keys[to + 2 + word] = comms[4 * row + word]!;
        keys[to + 6 + word] = threads[4 * row + word]!;
      }
    }
    this.#put(at, this.#processes, keys, rowOf);
  }

  #keysOfAddresses(columns: EventColumns, name: 'local_address' | 'peer_address'): Uint32Array {
    const source = halves(columns.column(name));
    const peers = halves(columns.column('peer_address'));
    const rows = this.#ends;
    const keys = this.#keysFor(ADDRESS_WORDS);
    for (let index = 0, to = 0; index < this.#count; index++, to += ADDRESS_WORDS) {
      const from = 4 * rows[index]!;
      for (let word = 0; word < 4; word++) keys[to + word] = source[from + word]!;
      // The family is that of the peer.
      const isMapped = peers[from] === 0 && peers[from + 1] === 0 && peers[from + 2] === MAPPED;
      keys[to + 4] = isMapped ? 1 : 0;
    }
    return keys;
  }

  /** The port that serves is known by the direction. */
  #putServices(at: number, columns: EventColumns, rowOf: (row: number) => EndRow): void {
    const directions = columns.column('direction');
    const localPorts = columns.column('local_port');
    const peerPorts = columns.column('peer_port');
    const rows = this.#ends;
    const keys = this.#keysFor(SERVICE_WORDS);
    for (let index = 0, to = 0; index < this.#count; index++, to += SERVICE_WORDS) {
      const row = rows[index]!;
      keys[to] = directions[row]!;
      keys[to + 1] = directions[row] === OUTBOUND ? peerPorts[row]! : localPorts[row]!;
    }
    this.#put(at, this.#services, keys, rowOf);
  }

  #keysFor(words: number): Uint32Array {
    if (this.#keys.length < words * this.#count) this.#keys = new Uint32Array(words * this.#ends.length);
    return this.#keys;
  }

  /** @param keys What the texts of each row follow from. */
  #put(at: number, shared: SharedTexts, keys: Uint32Array, rowOf: (row: number) => EndRow): void {
    const rows = this.#ends;
    const count = this.#count;
    const entries = this.#entries;
    const { texts } = shared;
    const found = shared.find(keys, rows, count, entries, rowOf);
    const places = this.#places;
    for (let column = 0; column < texts.length; column++) {
      if (!shared.isThere(column)) continue;
      for (let index = 0; index < count; index++)
        places[index] = found[entries[index]! * texts.length + column]!;
      this.#table.column(texts[column]!).putTexts(at, places, count);
    }
  }
}

/** The same memory as words of 32 bits. */
function halves(values: BigInt64Array | BigUint64Array | Uint8Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset);
}
