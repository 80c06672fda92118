/** Passes connections, or sums of them, on to clients as they are stored. */
import { HostNames, type NamedHost, namesHosts } from '@weir/history/query';
import { timeText } from '@weir/history/rows';
import type { Batch, EndRow, IntervalRow } from '@weir/history/schema';
import { Services } from '@weir/tracer/enrich';
import { unescapeName } from '@weir/tracer/escape';
import {
  type ColumnReaders,
  everything,
  type Filter,
  type FilterableRecord,
  predicateOver,
  recordColumns,
} from '@weir/tracer/filter';
import { endOf, lossOf, openOf } from '../api/row-json.js';
import { readHostRow } from '../collector/host-row.js';
import { type SumsBySecond, sumsOf } from './batch-sums.js';
import { EventQueue } from './event-queue.js';
import { eventText } from './event-text.js';
import { SumsQueue } from './sums-queue.js';

/** What a client reads. */
export interface Subscription extends Disposable {
  /** A part of what has come since the last call, the oldest; waits for something. @throws the signal's reason */
  next(signal: AbortSignal): Promise<string>;
}

/** Rows of a batch, with what several clients need made once. */
class PublishedBatch {
  /** Up to here, all events are in the history. */
  readonly id: string;
  readonly #batch: Batch;
  #ends: readonly PublishedEnd[] | undefined;

  constructor(batch: Batch) {
    this.id = timeText(batch.time);
    this.#batch = batch;
  }

  /** Not before they are asked for: rows that a batch has as columns are made then. */
  get ends(): readonly PublishedEnd[] {
    this.#ends ??= (this.#batch.ends ?? []).map((row) => new PublishedEnd(row, this.id));
    return this.#ends;
  }

  /** A full minute's rows. */
  get intervals(): readonly IntervalRow[] {
    return this.#batch.intervals ?? [];
  }

  /** Events about losses. */
  get losses(): readonly string[] {
    return (this.#batch.losses ?? []).map((loss) => eventText('loss', lossOf(loss), this.id));
  }
}

class PublishedEnd {
  readonly row: EndRow;
  readonly #id: string;
  #record: ReturnType<typeof endOf> | undefined;
  #text: string | undefined;

  constructor(row: EndRow, id: string) {
    this.row = row;
    this.#id = id;
  }

  get record(): ReturnType<typeof endOf> {
    this.#record ??= endOf(this.row);
    return this.#record;
  }

  get text(): string {
    this.#text ??= eventText('connection', this.record, this.#id);
    return this.#text;
  }
}

interface Client {
  offer(batch: PublishedBatch): void;
}

/** This host, whose connections are published; undefined where it cannot be read. */
function ownHost(): NamedHost | undefined {
  try {
    return new HostNames([readHostRow()]).known[0];
  } catch {
    return undefined;
  }
}

function columnsAt({
  name,
  label,
}: NamedHost): ColumnReaders<FilterableRecord & { readonly host?: string }, void> {
  return {
    ...recordColumns,
    host_name: () => unescapeName(name),
    host_label: () => unescapeName(label),
    host_boot: ({ host }) => host,
  };
}

/** All clients of the live stream. */
export class LiveHub {
  readonly #clients = new Set<Client>();
  readonly #services = Services.read();
  #dropped = 0;
  /** The newest batch. */
  #last: bigint | undefined;

  /** Clients. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Connections that clients lost, of all clients so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a client that wants each connection. */
  subscribe(filter: Filter = everything): Subscription {
    const isWanted = this.#predicate(filter);
    const queue = new EventQueue();
    const offer = (text: string) => {
      if (!queue.offer(text)) this.#dropped++;
    };
    return this.#add(queue, offer, {
      offer: ({ ends, losses }) => {
        for (const end of ends) if (isWanted(end.record)) offer(end.text);
        for (const loss of losses) offer(loss);
      },
    });
  }

  /** Adds a client that wants sums by the second. */
  subscribeSums(filter: Filter = everything): Subscription {
    const queue = new SumsQueue();
    const sumsIn = filter === everything ? allSums : this.#sumsOfWanted(filter);
    return this.#add(queue, (text) => queue.offer(text), {
      offer: (batch) => {
        queue.add(batch.id, sumsIn(batch));
        for (const loss of batch.losses) queue.offer(loss);
      },
    });
  }

  /** The hosts of rows are known by the ids that these have. */
  #predicate(filter: Filter): (record: FilterableRecord & { readonly host?: string }) => boolean {
    const own = namesHosts(filter) ? ownHost() : undefined;
    const test = predicateOver(filter, own === undefined ? recordColumns : columnsAt(own), {
      services: this.#services,
    });
    return (record) => test(record);
  }

  #sumsOfWanted(filter: Filter): (batch: PublishedBatch) => SumsBySecond {
    const isWanted = this.#predicate(filter);
    return ({ ends, intervals }) =>
      sumsOf(
        ends.filter(({ record }) => isWanted(record)).map(({ row }) => row),
        intervals.filter((row) => isWanted(openOf(row))),
      );
  }

  #add(queue: Pick<Subscription, 'next'>, offer: (text: string) => void, client: Client): Subscription {
    this.#clients.add(client);
    // From here on, a client has everything.
    if (this.#last !== undefined) offer(eventText('begin', {}, timeText(this.#last)));
    return {
      next: (signal) => queue.next(signal),
      [Symbol.dispose]: () => {
        this.#clients.delete(client);
      },
    };
  }

  /** Passes a batch on. Each connection becomes text once, however many clients want it. */
  publish(batch: Batch): void {
    this.#last = batch.time;
    if (this.#clients.size === 0) return;
    const published = new PublishedBatch(batch);
    for (const client of this.#clients) client.offer(published);
  }
}

function allSums({ ends, intervals }: PublishedBatch): SumsBySecond {
  return sumsOf(
    ends.map(({ row }) => row),
    intervals,
  );
}
