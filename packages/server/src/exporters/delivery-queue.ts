/** Packets that wait for a receiver, bounded by their bytes. Pure. */
import type { Packet } from './packet.js';

/** First in, first out. What finds no room is the newest. */
export class DeliveryQueue {
  readonly #mostBytes: number;
  #packets: Packet[] = [];
  #bytes = 0;
  #records = 0;

  /** @param mostBytes Of all packets together. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** The oldest; undefined where none waits. */
  get first(): Packet | undefined {
    return this.#packets[0];
  }

  /** Records that wait. */
  get records(): number {
    return this.#records;
  }

  /** Adds a packet. @returns Whether there was room. An empty queue has room for one of any size. */
  offer(packet: Packet): boolean {
    if (this.#packets.length > 0 && this.#bytes + packet.bytes > this.#mostBytes) return false;
    this.#packets.push(packet);
    this.#count(packet, 1);
    return true;
  }

  /** Whether there can be no room for anything. */
  get isFull(): boolean {
    return this.#bytes >= this.#mostBytes;
  }

  /** Puts packets before all others. They had room once, and have it again. */
  putBack(packets: readonly Packet[]): void {
    this.#packets = [...packets, ...this.#packets];
    for (const packet of packets) this.#count(packet, 1);
  }

  /** Removes a packet that is near the front. */
  remove(packet: Packet): void {
    const index = this.#packets.indexOf(packet);
    if (index < 0) return;
    this.#packets.splice(index, 1);
    this.#count(packet, -1);
  }

  /** Removes all. @returns Their records. */
  clear(): number {
    const records = this.#records;
    this.#packets = [];
    this.#bytes = 0;
    this.#records = 0;
    return records;
  }

  #count({ bytes, records }: Packet, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    this.#records += sign * records;
  }
}
