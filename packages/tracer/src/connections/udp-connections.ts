/** UDP flows in the table. They come with counts and a flow id, so nothing has to be inferred. */
import type { UdpFlow } from '../sockets/index.js';
import { ProcessQuestions } from './ask-process.js';
import type { FindProcess } from './connection.js';
import type { ConnectionStore, Place } from './connection-store.js';
import type { Entry } from './entry.js';
import { applyUdp } from './figures.js';
import type { OpenSockets } from './open-sockets.js';
import { Tuple, tupleText } from './tuple.js';

export class UdpFlows {
  readonly #store: ConnectionStore;
  #generation = 0;
  /** Flows for which the last update had no room. */
  untracked = 0;

  constructor(store: ConnectionStore) {
    this.#store = store;
  }

  /** Applies the counts of all live flows, whose sockets were read a moment ago. */
  update(flows: Iterable<UdpFlow>, sockets: OpenSockets, findProcess: FindProcess | undefined): void {
    const { entries, totals, now } = this.#store;
    this.#generation++;
    this.untracked = 0;
    const nowNs = now();
    const questions = findProcess && new ProcessQuestions(findProcess);
    for (const flow of flows) {
      const entry = entries.ofFlow(flow.flow_id) ?? this.#add(flow);
      if (entry === undefined) {
        this.untracked++;
        continue;
      }
      entry.generation = this.#generation;
      entry.seenToNs = nowNs;
      applyUdp(entry, totals, flow, nowNs);
      setOwner(entry, flow);
      entry.interface = flow.interface ?? entry.interface;
      const socket = flow.cookie === undefined ? undefined : sockets.ofCookie(flow.cookie);
      if (socket === undefined || socket.inode === 0) continue;
      entry.inode = socket.inode;
      questions?.ask(entry, socket.inode);
    }
    if (entries.udpSize === 0) return;
    for (const entry of entries) {
      if (entry.transport === 'udp' && entry.generation !== this.#generation) this.#store.awaitClose(entry);
    }
  }

  ended(flow: UdpFlow, closedBy: 'local' | 'idle', endedNs: number): void {
    const { entries, awaitingClose, totals } = this.#store;
    let entry = entries.ofFlow(flow.flow_id);
    if (entry !== undefined) entries.remove(entry);
    else entry = awaitingClose.take(flow.flow_id, keyOf(flow), endedNs) ?? this.#create(flow);
    applyUdp(entry, totals, flow, endedNs);
    this.#store.end(entry, closedBy, endedNs);
  }

  #add(flow: UdpFlow): Entry | undefined {
    const { entries, awaitingClose, isFull, now } = this.#store;
    if (isFull) return undefined;
    // A flow that was thought to be gone is back: its counts went on, and so do the totals.
    const entry = awaitingClose.take(flow.flow_id, keyOf(flow), now()) ?? this.#create(flow);
    entries.add(entry);
    return entry;
  }

  #create(flow: UdpFlow): Entry {
    const entry = this.#store.create(placeOf(flow));
    entry.flow_id = flow.flow_id;
    entry.direction = flow.direction;
    setOwner(entry, flow);
    entry.interface = flow.interface;
    entry.started_ns = flow.started_ns;
    return entry;
  }
}

/** The kernel's programs name another process once another one sends or receives. */
function setOwner(entry: Entry, { process, started_ns, process_ns = started_ns, cgroup_id }: UdpFlow): void {
  if (process === undefined || entry.flowNs === process_ns) return;
  entry.process = process;
  entry.flowNs = process_ns;
  entry.processNs = process_ns;
  entry.processVersion = undefined;
  entry.cgroup_id = cgroup_id;
}

const scratch = new Tuple();

function endsOf({ netns, local, peer, interface_index = 0 }: UdpFlow): Uint32Array {
  return scratch.set(netns, interface_index, local, peer).words;
}

function keyOf(flow: UdpFlow): string {
  return tupleText('udp', endsOf(flow), 0);
}

function placeOf(flow: UdpFlow): Place {
  const { interface_index: interfaceIndex = 0, started_ns } = flow;
  return { transport: 'udp', ends: endsOf(flow), interfaceIndex, sinceNs: started_ns };
}
