/** Live entries, indexed by each identifier that the sources have for them. */

import type { Entry } from './entry.js';
import { FLOW_WORDS, readFlowId } from './flow-ids.js';
import { finishHash, hashWords, mixWord } from './hash.js';
import { NumberIndex } from './number-index.js';
import { LooseRows, Rows } from './rows.js';
import { hashTuple, sameTuple } from './tuple.js';

export class Entries {
  readonly #all = new Set<Entry>();
  readonly rows = new Rows();
  readonly #looseRows = new LooseRows();
  /** By the number of their row. */
  readonly #byNumber: (Entry | undefined)[] = [];
  readonly #byFlow = new NumberIndex();
  /** By flow ids of another form than usual. */
  readonly #byOddFlow = new Map<string, Entry>();
  /** TCP only: several UDP sockets may have the same ends. */
  readonly #byEnds = new NumberIndex();
  /** With the network namespace: before Linux 5.9, a cookie is unique only within one. */
  readonly #byCookie = new NumberIndex();
  readonly #flow = new Uint32Array(FLOW_WORDS);
  #udp = 0;

  get size(): number {
    return this.#all.size;
  }

  /** UDP flows among them. */
  get udpSize(): number {
    return this.#udp;
  }

  /** In the order in which they were added. Removing the current entry is safe. */
  [Symbol.iterator](): IterableIterator<Entry> {
    return this.#all.values();
  }

  /** The row of an entry that is not live. */
  get looseRows(): LooseRows {
    return this.#looseRows;
  }

  ofFlow(flowId: string): Entry | undefined {
    if (!readFlowId(flowId, this.#flow, 0)) return this.#byOddFlow.get(flowId);
    const index = this.#byFlow;
    // Taken apart as an array, it would go through an iterator.
    const high = this.#flow[0];
    const low = this.#flow[1];
    const cpu = this.#flow[2];
    for (let at = index.first(hashWords(this.#flow, 0, FLOW_WORDS)); at >= 0; at = index.next()) {
      const { words, flowAt } = this.#byNumber[at]!;
      if (words[flowAt] === high && words[flowAt + 1] === low && words[flowAt + 2] === cpu)
        return this.#byNumber[at];
    }
    return undefined;
  }

  /** @param ends Words of {@link Tuple}. @param place Where they are in this memory. */
  ofEnds(ends: Uint32Array, place = 0): Entry | undefined {
    const index = this.#byEnds;
    for (let at = index.first(hashTuple(ends, place)); at >= 0; at = index.next()) {
      const entry = this.#byNumber[at]!;
      if (sameTuple(ends, place, entry.words, entry.endsAt)) return entry;
    }
    return undefined;
  }

  /** A live entry by the number of its row. */
  ofNumber(number: number): Entry | undefined {
    return this.#byNumber[number];
  }

  ofCookie(netns: number, cookie: number): Entry | undefined {
    const index = this.#byCookie;
    for (let at = index.first(hashCookie(netns, cookie)); at >= 0; at = index.next()) {
      const entry = this.#byNumber[at]!;
      if (entry.cookie === cookie && entry.netns === netns) return entry;
    }
    return undefined;
  }

  add(entry: Entry): void {
    const number = this.rows.take();
    entry.moveTo(this.rows.place(number), number);
    this.#byNumber[number] = entry;
    this.#all.add(entry);
    if (entry.transport === 'udp') this.#udp++;
    else {
      // A connection takes the place of an earlier one with its ends.
      const earlier = this.ofEnds(entry.words, entry.endsAt);
      if (earlier !== undefined)
        this.#byEnds.remove(hashTuple(earlier.words, earlier.endsAt), earlier.number);
      this.#byEnds.add(hashTuple(entry.words, entry.endsAt), number);
    }
    this.#addFlow(entry);
  }

  setFlow(entry: Entry, flowId: string): void {
    this.#forgetFlow(entry);
    entry.flow_id = flowId;
    this.#addFlow(entry);
  }

  setCookie(entry: Entry, cookie: number): void {
    entry.steady = 0;
    this.#forgetCookie(entry);
    entry.cookie = cookie;
    const earlier = this.ofCookie(entry.netns, cookie);
    if (earlier !== undefined) {
      earlier.steady = 0;
      this.#forgetCookie(earlier);
    }
    this.#byCookie.add(hashCookie(entry.netns, cookie), entry.number);
  }

  remove(entry: Entry): void {
    const { number } = entry;
    if (number < 0) return;
    this.#forgetFlow(entry);
    if (entry.transport === 'udp') this.#udp--;
    else this.#byEnds.remove(hashTuple(entry.words, entry.endsAt), number);
    this.#forgetCookie(entry);
    this.#all.delete(entry);
    this.#byNumber[number] = undefined;
    entry.moveTo(this.#looseRows.take());
    this.rows.giveBack(number);
    if (this.#all.size === 0) this.#byNumber.length = 0;
  }

  #addFlow(entry: Entry): void {
    if (!entry.hasFlow) return;
    const { words, flowAt } = entry;
    if (words[flowAt + FLOW_WORDS - 1] === 0) this.#byOddFlow.set(entry.flow_id!, entry);
    else this.#byFlow.add(hashWords(words, flowAt, FLOW_WORDS), entry.number);
  }

  #forgetFlow(entry: Entry): void {
    if (!entry.hasFlow) return;
    const { words, flowAt } = entry;
    if (words[flowAt + FLOW_WORDS - 1] === 0) this.#byOddFlow.delete(entry.flow_id!);
    else this.#byFlow.remove(hashWords(words, flowAt, FLOW_WORDS), entry.number);
  }

  #forgetCookie(entry: Entry): void {
    if (entry.cookie !== undefined)
      this.#byCookie.remove(hashCookie(entry.netns, entry.cookie), entry.number);
  }
}

function hashCookie(netns: number, cookie: number): number {
  return finishHash(mixWord(mixWord(netns, cookie >>> 0), Math.floor(cookie / 2 ** 32)));
}
