/** Collectors that are killed one after the other, on connections of which a test knows all figures. */
import assert from 'node:assert/strict';
import type { CloseRecord, ConnectRecord } from '@weir/tracer';
import { type Figures, figureNames } from '../../src/collector/figures.js';
import { OpenConnections } from '../../src/collector/open-connections.js';
import { begunOf, OpenChanges } from '../../src/collector/open-state.js';
import { OpenFiles } from '../../src/handover/open-files.js';
import { type OpenPaths, readOpen } from '../../src/handover/read-open.js';
import { closeRecord, connectRecord, figureOf, type Simulated, simulated } from './connections.js';
import { randomNumbers } from './random.js';

/** A row of intervals, or of an end. */
interface Row {
  readonly connection: number;
  readonly figures: Figures;
  /** Of an end. */
  readonly intervalRows?: number | undefined;
  readonly handshakeUs?: number | undefined;
}

type Event = { readonly connection: Simulated; readonly record: ConnectRecord | CloseRecord };

/** Plays at random, and looks at all rows in the end. */
export class KilledCollectors {
  readonly #paths: OpenPaths;
  readonly #epoch: string;
  readonly #below: (limit: number) => number;
  #open = new OpenConnections(new OpenChanges());
  #files: OpenFiles;
  /** Connections as the kernel has them, by their number. */
  readonly #live = new Map<number, Simulated>();
  /** Those of which the tracer of this collector has read the record. */
  #named = new Set<number>();
  /** Events that no collector has read. */
  #unread: Event[] = [];
  /** Events that are in no batch yet: the next collector reads them again. */
  #uncommitted: Event[] = [];
  /** Rows that are in no batch yet: they go with the collector. */
  #rows: Row[] = [];
  readonly #kept: Row[] = [];
  #batch = { number: 0, monotonicNs: 0 };
  #nowNs = 1e9;
  #next = 0;
  /** Numbers that live connections have in this collector. */
  #ids = 0;
  #kills = 0;
  /** Events from before the last sweep are still to be read. */
  #isBehind = false;

  constructor(paths: OpenPaths, epoch: string, round: number) {
    this.#paths = paths;
    this.#epoch = epoch;
    this.#below = randomNumbers(round + 1);
    this.#files = new OpenFiles(paths, epoch);
    // Older than the first collector: no record names them before they end.
    for (let count = 0; count < 3; count++) this.#connect(true);
    for (const connection of this.#live.values()) connection.bytes_sent = 1000;
    this.#sweep();
    this.#hand();
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#nowNs += 1 + this.#below(1e9);
      const choice = this.#below(20);
      if (choice < 4) this.#connect(false);
      else if (choice < 8) this.#move();
      else if (choice < 10) this.#close();
      else if (choice < 14) this.#read();
      else if (choice < 16) this.#sweep();
      else if (choice < 19) this.#hand();
      else this.#kill();
    }
    this.#read();
    for (const connection of [...this.#live.values()]) this.#end(connection);
    this.#read();
    this.#hand();
    this.#check();
    assert.ok(this.#kills > 5);
  }

  #connect(isOlder: boolean): void {
    const connection = simulated(this.#next++, isOlder ? 0 : this.#nowNs);
    this.#live.set(connection.local.port, connection);
    if (!isOlder) this.#unread.push({ connection, record: connectRecord(connection) });
  }

  #move(): void {
    for (const connection of this.#live.values()) {
      if (this.#below(2) === 0) continue;
      connection.bytes_sent += this.#below(1e6);
      connection.packets_received += this.#below(3);
    }
  }

  #close(): void {
    const all = [...this.#live.values()];
    const connection = all[this.#below(all.length || 1)];
    if (connection !== undefined) this.#end(connection);
  }

  #end(connection: Simulated): void {
    connection.bytes_received += this.#below(2) * 7;
    this.#live.delete(connection.local.port);
    this.#unread.push({ connection: { ...connection }, record: closeRecord(connection, this.#nowNs) });
  }

  /** The collector reads all events. */
  #read(): void {
    this.#isBehind = false;
    for (const event of this.#unread.splice(0)) {
      this.#uncommitted.push(event);
      const { connection, record } = event;
      const number = connection.local.port;
      if (record.event === 'connect') {
        this.#named.add(number);
        this.#open.opened(record);
        continue;
      }
      const { context, moved } = this.#open.ended(record);
      if (moved !== undefined) this.#rows.push({ connection: number, figures: moved.figures });
      const { intervalRows, handshake_us: handshakeUs } = context;
      const figures = Object.fromEntries(figureNames.map((name) => [name, figureOf(connection, name)]));
      this.#rows.push({ connection: number, figures, intervalRows, handshakeUs });
    }
  }

  #sweep(): void {
    // A sweep waits for the events up to the one before.
    if (this.#isBehind) this.#read();
    this.#isBehind = true;
    // The tracer's table reads all events before a sweep, the collector some time after it.
    for (const { connection, record } of this.#unread)
      if (record.event === 'connect') this.#named.add(connection.local.port);
    const found = [...this.#live.values()].map((connection) => {
      const isNamed = this.#named.has(connection.local.port);
      const id = this.#ids + connection.id;
      return { ...connection, id, ...(isNamed ? {} : { flow_id: undefined, started_ns: undefined }) };
    });
    for (const { connection, moved } of this.#open.swept(found, this.#nowNs))
      if (moved !== undefined) this.#rows.push({ connection: connection.local.port, figures: moved.figures });
    this.#open.forget(true);
    // One sweep a batch.
    this.#hand();
  }

  /** Hands over a batch, which is kept. */
  #hand(): void {
    this.#batch = { number: this.#batch.number + 1, monotonicNs: this.#nowNs };
    this.#files.keep(this.#batch, this.#open);
    this.#kept.push(...this.#rows.splice(0));
    this.#uncommitted = [];
  }

  /** Kills the collector, at times when it has noted a batch that is not kept. */
  #kill(): void {
    this.#kills++;
    if (this.#below(2) === 0) {
      const number = this.#batch.number + 1;
      this.#files.keep({ number, monotonicNs: this.#nowNs++ }, this.#open);
    }
    const left = readOpen(this.#paths, this.#epoch, this.#batch);
    assert.ok(left !== undefined, `batch ${this.#batch.number} is not known`);
    const all = left.take()!;
    this.#rows = [];
    this.#unread = [...this.#uncommitted, ...this.#unread];
    this.#uncommitted = [];
    this.#ids += 1_000;
    this.#named = new Set([...begunOf(all)].map(({ local }) => local.port));
    this.#open = new OpenConnections(new OpenChanges());
    this.#open.load(all);
    this.#files = new OpenFiles(this.#paths, this.#epoch, left);
    // As the first thing, it hands over an empty batch.
    this.#hand();
  }

  #check(): void {
    const ends = this.#kept.filter(({ intervalRows }) => intervalRows !== undefined);
    assert.equal(ends.length, this.#next, 'each connection has one row');
    for (const { connection, figures, intervalRows, handshakeUs } of ends) {
      const intervals = this.#kept.filter(
        (row) => row.connection === connection && row.intervalRows === undefined,
      );
      assert.equal(intervals.length, intervalRows, `rows of connection ${connection}`);
      const isOlder = connection < 10_003;
      assert.equal(handshakeUs, isOlder ? undefined : 123);
      if (intervalRows === 0) continue;
      const baseline = isOlder ? { bytes_sent: 1000, segments_sent: 3, segments_received: 2 } : {};
      for (const name of figureNames) {
        const sum = intervals.reduce((total, row) => total + (row.figures[name] ?? 0), 0);
        const before = (baseline as Figures)[name] ?? 0;
        assert.equal(sum, (figures[name] ?? 0) - before, `${name} of connection ${connection}`);
      }
    }
  }
}
