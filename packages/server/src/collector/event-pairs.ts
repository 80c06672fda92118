/** Connections whose beginning and end are both in one batch of events. Pure. */
import { columnWords, type EventColumns } from '@weir/tracer';

const CONNECT = columnWords.event.indexOf('connect');
const ACCEPT = columnWords.event.indexOf('accept');
const CLOSE = columnWords.event.indexOf('close');

/** A row stands for none. */
export const NONE = -1;

/** The lowest bits of a time are its most different ones; the CPU distinguishes what began in one nanosecond. */
function hashOf(low: number, high: number, cpu: number): number {
  const mixed = Math.imul(low ^ Math.imul(high ^ (cpu << 16), 0x9e37_79b1), 0x85eb_ca6b);
  return mixed ^ (mixed >>> 15);
}

/** Finds pairs of rows, in the same memory for each batch. */
export class EventPairs {
  /** For each row of an end the row of its beginning, and the other way round; {@link NONE}. */
  other = new Int32Array(0);
  #slots = new Int32Array(0);

  /** Looks for the pairs of a batch. */
  find(columns: EventColumns): void {
    const { length } = columns;
    this.#prepare(length);
    const { other } = this;
    const slots = this.#slots;
    const mask = slots.length - 1;
    const kinds = columns.column('event');
    const flows = new Uint32Array(columns.column('flow_ns').buffer);
    const cpus = columns.column('flow_cpu');
    for (let row = 0; row < length; row++) {
      const kind = kinds[row]!;
      const isEnd = kind === CLOSE;
      if (!isEnd && kind !== CONNECT && kind !== ACCEPT) continue;
      const low = flows[2 * row]!;
      const high = flows[2 * row + 1]!;
      const cpu = cpus[row]!;
      if (low === 0 && high === 0) continue;
      let slot = hashOf(low, high, cpu) & mask;
      for (;;) {
        const found = slots[slot]!;
        if (found === NONE) {
          if (!isEnd) slots[slot] = row;
          break;
        }
        if (flows[2 * found] === low && flows[2 * found + 1] === high && cpus[found] === cpu) {
          if (isEnd && other[found] === NONE) {
            other[found] = row;
            other[row] = found;
          }
          break;
        }
        slot = (slot + 1) & mask;
      }
    }
  }

  #prepare(length: number): void {
    if (this.other.length < length) {
      const rows = 2 ** Math.ceil(Math.log2(Math.max(256, length)));
      this.other = new Int32Array(rows);
      this.#slots = new Int32Array(2 * rows);
    }
    this.other.fill(NONE, 0, length);
    this.#slots.fill(NONE);
  }
}
