/** Connections as plain objects, each of which follows the values of its entry. */
import { type Connection, copyConnection } from './connection.js';
import type { Entry } from './entry.js';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The objects that were handed out, by entry; those that nobody was given are not made. */
export class PublicCopies {
  readonly #copies = new Map<Entry, Mutable<Connection>>();

  /** The object of an entry, with the values of now. */
  of(entry: Entry): Connection {
    const known = this.#copies.get(entry);
    if (known !== undefined) return update(known, entry);
    const copy = copyConnection(entry);
    this.#copies.set(entry, copy);
    return copy;
  }

  /** The object of an entry that has ended, if it was handed out: it stays as it is from now on. */
  last(entry: Entry): Connection | undefined {
    const known = this.#copies.get(entry);
    if (known === undefined) return undefined;
    this.#copies.delete(entry);
    return update(known, entry);
  }

  forget(entry: Entry): void {
    this.#copies.delete(entry);
  }

  /** After a refresh. */
  updateAll(): void {
    for (const [entry, copy] of this.#copies) update(copy, entry);
  }
}

/** What never changes is left alone. */
function update(copy: Mutable<Connection>, entry: Entry): Connection {
  copy.flow_id = entry.flow_id;
  copy.direction = entry.direction;
  copy.interface_index = entry.interface_index;
  copy.interface = entry.interface;
  copy.state = entry.state;
  copy.process = entry.process;
  copy.cgroup_id = entry.cgroup_id;
  copy.inode = entry.inode;
  copy.started_ns = entry.started_ns;
  copy.active_ns = entry.active_ns;
  copy.bytes_sent = entry.bytes_sent;
  copy.bytes_received = entry.bytes_received;
  copy.packets_sent = entry.packets_sent;
  copy.packets_received = entry.packets_received;
  copy.send_rate = entry.send_rate;
  copy.receive_rate = entry.receive_rate;
  copy.retransmits = entry.retransmits;
  copy.srtt_us = entry.srtt_us;
  return copy;
}
