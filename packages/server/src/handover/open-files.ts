/**
 * Two files with what a collector knows of open connections, for the next one should this one be killed. One has all that was known with
 * some batch, and what each later batch has changed. When it has grown much, all is written to the other one; until the batch of that is
 * where it outlives this process, the first one counts. Only the collector's user may read or write them.
 */
import { rmSync, truncateSync } from 'node:fs';
import type { KnownConnection } from '../collector/open-connection.js';
import type { OpenConnections } from '../collector/open-connections.js';
import type { OpenState, OpenStateChanges } from '../collector/open-state.js';
import { SpoolWriter } from '../spool/spool-file.js';
import { encodeOpen, type KeptBatch, nameOnly, type OpenRecordHeader } from './open-record.js';
import type { LeftOpen, OpenPaths } from './read-open.js';

/** Connections of a record. */
const ROWS = 4_096;
/** A file grows by as much as it had at first, and by so many bytes. */
const GROWTH_BYTES = 1 << 20;

/** Writes them, batch by batch. */
export class OpenFiles implements Disposable {
  readonly #paths: OpenPaths;
  readonly #epoch: string;
  #next: number;
  #file: SpoolWriter | undefined;
  #mostBytes = 0;
  /** The sweep since which nothing could be written. */
  #failedNs: number | undefined;

  /** @param left What this collector has gone on with. Default: nothing; what is there is of no use. */
  constructor(paths: OpenPaths, epoch: string, left?: Pick<LeftOpen, 'inUse' | 'bytes'>) {
    this.#paths = paths;
    this.#epoch = epoch;
    this.#next = left?.inUse === 0 ? 1 : 0;
    if (left !== undefined) this.#cut(left);
    this.#remove(left === undefined ? paths : [paths[this.#next]!]);
  }

  /** A batch may have been noted that was never kept: this collector gives its number to another one. */
  #cut({ inUse, bytes }: Pick<LeftOpen, 'inUse' | 'bytes'>): void {
    try {
      truncateSync(this.#paths[inUse]!, bytes);
    } catch {
      // The disk can only be read: no batch is kept from here on.
    }
  }

  /** Notes what is known with a batch, before that is put where it outlives this process. */
  keep(batch: KeptBatch, open: Pick<OpenConnections, 'state' | 'changes' | 'kept'>): void {
    const { changes } = open;
    try {
      if (this.#file !== undefined && this.#file.bytes < this.#mostBytes) this.#add(batch, changes);
      // On a full disk, it would take long to try that with every batch.
      else if (this.#failedNs !== changes.sweptNs) this.#begin(batch, open.state);
    } catch {
      // Another collector finds nothing that goes with its batches, and says so.
      this.#close();
      this.#failedNs = changes.sweptNs;
    }
    open.kept();
  }

  #begin(batch: KeptBatch, { connections, ...sweep }: OpenState): void {
    this.#close();
    const path = this.#paths[this.#next]!;
    this.#next = 1 - this.#next;
    rmSync(path, { force: true });
    this.#file = new SpoolWriter(path);
    const all = [...connections];
    this.#write(batch, { kind: 'all', ...sweep, total: all.length }, all);
    this.#mostBytes = 2 * this.#file.bytes + GROWTH_BYTES;
    this.#failedNs = undefined;
  }

  #add(batch: KeptBatch, { gone, count, connections, ...sweep }: OpenStateChanges): void {
    const content = { kind: 'changes', ...sweep, total: gone.length + count, gone: gone.length } as const;
    this.#write(batch, content, withNames(gone, connections));
  }

  #write(batch: KeptBatch, first: OpenRecordHeader['content'], connections: Iterable<KnownConnection>): void {
    let content = first;
    let rows: KnownConnection[] = [];
    const append = () => {
      this.#file!.append(encodeOpen({ epoch: this.#epoch, ...batch, content }, rows));
      content = { kind: 'more' };
      rows = [];
    };
    for (const connection of connections) {
      rows.push(connection);
      if (rows.length === ROWS) append();
    }
    if (rows.length > 0 || content === first) append();
  }

  #close(): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }

  #remove(paths: readonly string[]): void {
    for (const path of paths) {
      try {
        rmSync(path, { force: true });
      } catch {
        // The disk can only be read. The next collector finds nothing that belongs to it.
      }
    }
  }

  /** The run has ended in order: removes the files. */
  [Symbol.dispose](): void {
    this.#close();
    this.#remove(this.#paths);
  }
}

function* withNames(
  gone: OpenStateChanges['gone'],
  connections: Iterable<KnownConnection>,
): Generator<KnownConnection> {
  for (const name of gone) yield nameOnly(name);
  yield* connections;
}
