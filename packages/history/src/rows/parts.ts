/** Values of rows from the forms that records have. Pure. */
import { BoundedMap } from '@weir/ebpf/bounded-map';
import { escapeName } from '@weir/tracer/escape';

/** The two halves of `flow_id`. */
export interface FlowNumbers {
  readonly flow_ns: bigint;
  readonly flow_cpu: number;
}

/** The halves of a `flow_id`: nanoseconds in hexadecimal, a dot, the CPU. */
export function flowNumbers(flowId: string): FlowNumbers {
  const dot = flowId.indexOf('.');
  return { flow_ns: BigInt(`0x${flowId.slice(0, dot)}`), flow_cpu: Number(flowId.slice(dot + 1)) };
}

/** The `flow_id` of two halves. */
export function flowIdOf({ flow_ns, flow_cpu }: FlowNumbers): string {
  return `${flow_ns.toString(16).padStart(15, '0')}.${flow_cpu}`;
}

/** Characters up to the second in RFC 3339. */
const SECOND = '2026-01-01T00:00:00'.length;

/** Turns RFC 3339 text in UTC with nanoseconds into a number. Times that come one after the other are mostly of one second. */
export class TimeReader {
  #second = '';
  #secondNs = 0n;

  /** Nanoseconds since 1970. */
  read(time: string): bigint {
    const second = time.slice(0, SECOND);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondNs = BigInt(Date.parse(`${second}Z`)) * 1_000_000n;
    }
    return this.#secondNs + BigInt(time.slice(SECOND + 1, -1));
  }
}

/** RFC 3339 in UTC with nanoseconds. @param ns Nanoseconds since 1970. */
export function timeText(ns: bigint): string {
  let second = ns / 1_000_000_000n;
  let rest = ns % 1_000_000_000n;
  if (rest < 0n) {
    second -= 1n;
    rest += 1_000_000_000n;
  }
  const text = new Date(Number(second) * 1000).toISOString();
  return `${text.slice(0, text.indexOf('.'))}.${rest.toString().padStart(9, '0')}Z`;
}

const plainName = /^[^\\\ud800-\udfff]*$/;

/** Names as rows have them. They repeat. */
const nameValues = new BoundedMap<string, string>(4_096);

/** A name as rows have it. */
export function nameValue(name: string): string {
  let value = nameValues.get(name);
  if (value === undefined) {
    value = plainName.test(name) ? name : escapeName(name);
    nameValues.set(name, value);
  }
  return value;
}

/** 64 bits as records show them: 16 hexadecimal digits. */
export function idText(id: bigint): string {
  return id.toString(16).padStart(16, '0');
}
