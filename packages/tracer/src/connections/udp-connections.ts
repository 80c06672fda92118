/** UDP flows in the table. They come with their counts, and with an identity, so there is nothing to guess. */
import type { UdpFlow } from '../sockets/index.js';
import { connectionKey, type Entry } from './connection.js';
import type { Ledger, Place } from './connection-store.js';
import { applyUdp } from './figures.js';

export class UdpFlows {
  readonly #ledger: Ledger;
  #round = 0;
  /** Flows that the last round had no room for. */
  untracked = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** All that are live now. */
  update(flows: Iterable<UdpFlow>): void {
    const { entries, totals, now } = this.#ledger;
    this.#round++;
    this.untracked = 0;
    const nowNs = now();
    for (const flow of flows) {
      const entry = entries.ofFlow(flow.flow_id) ?? this.#add(flow);
      if (entry === undefined) {
        this.untracked++;
        continue;
      }
      entry.round = this.#round;
      entry.seenToNs = nowNs;
      applyUdp(entry, totals, flow, nowNs);
    }
    for (const entry of entries) {
      if (entry.transport === 'udp' && entry.round !== this.#round) this.#ledger.depart(entry);
    }
  }

  ended(flow: UdpFlow, closedBy: 'local' | 'idle', endedNs: number): void {
    const { entries, departures, totals } = this.#ledger;
    let entry = entries.ofFlow(flow.flow_id);
    if (entry !== undefined) entries.remove(entry);
    else entry = departures.take(flow.flow_id, keyOf(flow), endedNs) ?? this.#create(flow);
    applyUdp(entry, totals, flow, endedNs);
    this.#ledger.end(entry, closedBy, endedNs);
  }

  #add(flow: UdpFlow): Entry | undefined {
    const { entries, departures, isFull, now } = this.#ledger;
    if (isFull) return undefined;
    // Thought to be gone, and back: its counts went on, and so do the totals.
    const entry = departures.take(flow.flow_id, keyOf(flow), now()) ?? this.#create(flow);
    entries.add(entry);
    return entry;
  }

  #create(flow: UdpFlow): Entry {
    const entry = this.#ledger.create(placeOf(flow));
    entry.flow_id = flow.flow_id;
    entry.direction = flow.direction;
    entry.process = flow.process;
    entry.cgroup_id = flow.cgroup_id;
    entry.started_ns = flow.started_ns;
    return entry;
  }
}

function keyOf({ netns, local, peer }: UdpFlow): string {
  return connectionKey('udp', netns, local, peer);
}

function placeOf(flow: UdpFlow): Place {
  const { netns, local, peer, started_ns } = flow;
  return { transport: 'udp', key: keyOf(flow), netns, local, peer, sinceNs: started_ns };
}
