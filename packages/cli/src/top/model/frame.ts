/** The data of one refresh, and how live connections become it. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import {
  type Connection,
  copyConnection,
  type EndedConnection,
  type LiveConnections,
  type LiveLosses,
  type OpenSocket,
  type Totals,
} from '@weir/tracer';
import { type EndedSum, EndedSums } from './ended.js';
import { Histories } from './history.js';
import type { PastMoment } from './past-moment.js';
import type { ShownConnection } from './shown-connection.js';

export interface Frame {
  /** CLOCK_MONOTONIC, nanoseconds; in the past, nanoseconds since 1970. Times of connections are on the same clock. */
  readonly nowNs: number;
  /** These change with the next refresh. */
  readonly connections: readonly ShownConnection[];
  /** undefined: not known. */
  readonly sockets: readonly OpenSocket[] | undefined;
  /** undefined: not known. */
  readonly ended: readonly EndedSum[] | undefined;
  /** What is not known is absent. */
  readonly totals: Partial<Totals>;
  readonly lost: Partial<LiveLosses>;
  /** Network namespaces that could not be read. */
  readonly unread: readonly { readonly netns: number; readonly reason: string }[];
  /** Reasons why something is never shown, from the start on. */
  readonly problems: readonly string[];
  /** Where it is of the past: when that was, and what is not known about it. */
  readonly past?: PastMoment;
}

/** Returns a copy of a frame that later refreshes leave as it is. One of the past stays as it is anyway. */
export function frozen(frame: Frame): Frame {
  if (frame.past !== undefined) return frame;
  return {
    ...frame,
    connections: frame.connections.map((connection) => copyConnection(connection as Connection)),
    ended: frame.ended?.map((sum) => ({ ...sum })),
    totals: { ...frame.totals },
    lost: { ...frame.lost },
  };
}

/** Follows live connections from refresh to refresh. */
export class Watch {
  readonly histories = new Histories();
  readonly #live: LiveConnections;
  readonly #now: () => number;
  readonly #problems: readonly string[];
  readonly #sums = new EndedSums();
  /** The ends of the last connections, for whoever looks at their details. */
  readonly #endings = new BoundedMap<number, EndedConnection>(1_024);

  /**
   * @param now CLOCK_MONOTONIC, nanoseconds.
   * @param problems Further reasons why something is never shown.
   */
  constructor(live: LiveConnections, now: () => number, problems: readonly string[] = []) {
    this.#live = live;
    this.#now = now;
    this.#problems = [...live.problems.map(({ what }) => what), ...problems];
  }

  /** @throws as {@link LiveConnections.refresh}. */
  async refresh(): Promise<Frame> {
    await this.#live.refresh();
    const nowNs = this.#now();
    const { ended } = this.#live.takeEnded();
    const connections = [...(this.#live.views ?? this.#live)];
    this.#sums.refresh(connections, ended, nowNs);
    this.histories.record(connections);
    this.#keepEndings(ended);
    return {
      nowNs,
      connections,
      sockets: [...this.#live.openSockets],
      ended: [...this.#sums],
      totals: this.#live.totals,
      lost: this.#live.lost,
      unread: this.#live.failures.map(({ netns, error }) => ({ netns, reason: error.message })),
      problems: this.#problems,
    };
  }

  /** Returns how a connection ended, if it did so lately. */
  ending(id: number): EndedConnection | undefined {
    return this.#endings.get(id);
  }

  #keepEndings(ended: readonly EndedConnection[]): void {
    for (const ending of ended) this.#endings.set(ending.connection.id, ending);
  }
}
