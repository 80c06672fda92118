/** The last rings that were built: services of the same reals, such as two ports of the same servers, have the same ring. */
import { RING_SIZE } from '../hash/flow.js';
import { buildRing, type RingInputs } from './ring.js';
import { RingThread } from './ring-thread.js';

/** A ring takes 128 KiB here. */
const KEPT = 16;

export class RingCache {
  readonly #rings = new Map<string, Uint16Array>();
  readonly #startThread: (rings: readonly RingInputs[]) => RingThread | undefined;
  /** Rings that will be built, in that order: the numbers of each by its key. */
  #expected: { readonly thread: RingThread; readonly indices: ReadonlyMap<string, number[]> } | undefined;

  /** @param startThread For tests. */
  constructor(startThread = RingThread.start) {
    this.#startThread = startThread;
  }

  /**
   * Has another thread help to build rings that will be asked for one after the other, where they are many. It ends when the result
   * is disposed of.
   */
  expect(rings: Iterable<RingInputs>): Disposable {
    const wanted: RingInputs[] = [];
    const indices = new Map<string, number[]>();
    // A ring that is asked for again much later is built again.
    const kept = new Set(this.#rings.keys());
    for (const ring of rings) {
      const key = keyOf(ring);
      if (!kept.delete(key)) {
        indices.set(key, [...(indices.get(key) ?? []), wanted.length]);
        wanted.push(ring);
      }
      kept.add(key);
      if (kept.size > KEPT) kept.delete(kept.values().next().value!);
    }
    const thread = this.#startThread(wanted);
    if (thread === undefined) return { [Symbol.dispose]: () => undefined };
    this.#expected = { thread, indices };
    return {
      [Symbol.dispose]: () => {
        this.#expected = undefined;
        thread[Symbol.dispose]();
      },
    };
  }

  /**
   * Returns what {@link buildRing} does. Nobody may change it, and later calls may put another ring into its memory.
   *
   * @throws OptionError for an invalid weight.
   */
  get(inputs: RingInputs): Uint16Array {
    const key = keyOf(inputs);
    const ring = this.#rings.get(key) ?? this.#make(key, inputs);
    this.#keep(key, ring);
    return ring;
  }

  #make(key: string, inputs: RingInputs): Uint16Array {
    const index = this.#expected?.indices.get(key)?.shift();
    if (this.#expected === undefined || index === undefined) return this.#build(inputs);
    const { thread, indices } = this.#expected;
    // While the thread builds this ring.
    const next = thread.claimNext(index);
    if (next !== undefined) {
      const nextKey = keyOf(next);
      indices.get(nextKey)?.shift();
      this.#keep(nextKey, this.#build(next));
    }
    const memory = this.#memory();
    return thread.take(index, memory) ? memory : buildRing(inputs.members, inputs.version, memory);
  }

  #build({ members, version }: RingInputs): Uint16Array {
    return buildRing(members, version, this.#memory());
  }

  /** The one that was asked for last is removed last. */
  #keep(key: string, ring: Uint16Array): void {
    this.#rings.delete(key);
    this.#rings.set(key, ring);
  }

  /** That of the ring which was asked for least recently, once there are enough of them. */
  #memory(): Uint16Array {
    const [oldest] = this.#rings;
    if (oldest === undefined || this.#rings.size < KEPT) return new Uint16Array(RING_SIZE);
    this.#rings.delete(oldest[0]);
    return oldest[1];
  }
}

function keyOf({ members, version }: RingInputs): string {
  return [version, ...members.map(({ number, seed, weight }) => `${number} ${seed} ${weight}`)].join('/');
}
