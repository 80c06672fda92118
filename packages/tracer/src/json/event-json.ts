/**
 * JSON lines straight from events, byte for byte those of their records. What repeats (processes, addresses) is made from a
 * record once, and kept.
 */
import {
  EventFlag,
  offsetsTcpEvent,
  offsetsTuple,
  sizeofProcess,
  type TcpEvent,
  TcpEventKind,
} from '../generated/tcp.js';
import { closeReaders, microseconds, readCloseField } from '../records/close-readers.js';
import { readWide } from '../records/event-members.js';
import type { KernelRecord } from '../records/record.js';
import type { InterfaceNames } from '../sockets/interface-names.js';
import type { WallClock } from '../stream/clock.js';
import { EventDecoder, eventNames } from '../stream/decode.js';
import { type ByteWriter, type Fragment, fragment } from './byte-writer.js';
import { FragmentCache } from './fragment-cache.js';
import { jsonBetween, jsonLine } from './record-json.js';

const at: { readonly [Member in keyof TcpEvent]: number } = offsetsTcpEvent;
const localAt = at.tuple + offsetsTuple.localAddress;
const peerAt = at.tuple + offsetsTuple.peerAddress;
const netnsAt = at.tuple + offsetsTuple.netns;
const interfaceAt = at.tuple + offsetsTuple.interface;

/** What the fields between `cpu` and `local` depend on. */
const processKey = [
  { at: at.process, bytes: sizeofProcess },
  { at: netnsAt, bytes: 4 },
  { at: at.flags, bytes: 4 },
];
const localKey = [{ at: localAt, bytes: 16 }];
const peerKey = [{ at: peerAt, bytes: 16 }];
/** What the fields between `peer` and `flow_id` depend on. */
const tailKey = [{ at: at.direction, bytes: 4 }];
const errorKey = [{ at: at.error, bytes: 4 }];
/** Processes and addresses that are kept. */
const KEPT = 4096;
/** More than any line of an event has. */
const LONGEST_LINE = 4096;

const heads: readonly Fragment[] = eventNames.map((name) => fragment(`{"event":"${name}","time":"`));
const monotonicKey = fragment('Z","monotonic_ns":');
const cpuKey = fragment(',"cpu":');
const dot = fragment('.');
const connectionKey = fragment(',"connection_id":"');
const quote = fragment('"');
const endOfLine = fragment('}\n');
const handshakeKey = fragment(',"handshake_us":');
const durationKey = fragment(',"duration_us":');
const byAccept = fragment(',"accounted":"accept"');
const candidatesKey = fragment(',"candidates":');
const byListener = fragment(',"accounted":"listener"');
const closeKeys: readonly Fragment[] = closeReaders.map(({ name }) => fragment(`,"${name}":`));
/** The field with its value, for fields whose value is a word. */
const closeNames: readonly (readonly Fragment[])[] = closeReaders.map(({ name, field }) =>
  field.unit === 'name' ? field.names.map((word) => fragment(`,"${name}":"${word}"`)) : [],
);

export class EventJson {
  readonly #clock: WallClock;
  readonly #decoder: EventDecoder;
  readonly #processes = new FragmentCache(processKey, KEPT);
  readonly #locals = new FragmentCache(localKey, KEPT);
  readonly #peers = new FragmentCache(peerKey, KEPT);
  readonly #tails = new FragmentCache(tailKey, 16);
  readonly #errors = new FragmentCache(errorKey, 256);
  #second = Number.NaN;
  #secondText = fragment('');

  constructor(clock: WallClock, interfaces?: Pick<InterfaceNames, 'name'>) {
    this.#clock = clock;
    this.#decoder = new EventDecoder(clock, interfaces);
  }

  /**
   * Begins a batch of lines. Each makes the text of its second anew: code that is optimized while a branch has hardly run is thrown
   * away when that runs.
   */
  begin(): void {
    this.#second = Number.NaN;
  }

  /** Writes the line of an event. @param offset Of the struct tcp_event in `view`. */
  write(out: ByteWriter, view: DataView, offset: number): void {
    const kind = view.getUint32(offset + at.event, true) as TcpEventKind;
    if (kind === TcpEventKind.EVENT_FD_INSTALL) {
      out.text(jsonLine(this.#decoder.decode(view, offset)));
      return;
    }
    out.makeRoom(LONGEST_LINE);
    out.fragment(heads[kind]!);
    this.#writeTime(out, readWide(view, offset + at.timeNs));
    out.fragment(cpuKey);
    out.number(view.getUint32(offset + at.cpu, true));
    out.fragment(this.#cached(this.#processes, view, offset, processText));
    out.fragment(this.#cached(this.#locals, view, offset, localText));
    out.number(view.getUint16(offset + at.tuple + offsetsTuple.localPort, true));
    out.fragment(this.#cached(this.#peers, view, offset, peerText));
    out.number(view.getUint16(offset + at.tuple + offsetsTuple.peerPort, true));
    out.fragment(this.#tail(view, offset));
    out.hex60(view.getUint32(offset + at.flowNs + 4, true), view.getUint32(offset + at.flowNs, true));
    out.fragment(dot);
    out.number(view.getUint32(offset + at.flowCpu, true));
    out.fragment(quote);
    writeConnectionId(out, view, offset);
    this.#writeOwn(out, kind, view, offset);
    out.fragment(endOfLine);
  }

  /** An interface can be renamed, so its name is not kept here. */
  #tail(view: DataView, offset: number): Fragment {
    if (view.getUint32(offset + interfaceAt, true) === 0)
      return this.#cached(this.#tails, view, offset, tailText);
    return fragment(tailText(this.#decoder.decode(view, offset)));
  }

  #writeTime(out: ByteWriter, monotonicNs: number): void {
    const clock = this.#clock;
    clock.locate(monotonicNs);
    if (clock.second !== this.#second) {
      this.#second = clock.second;
      this.#secondText = fragment(`${clock.secondText()}.`);
    }
    out.fragment(this.#secondText);
    out.nanoseconds(clock.nanosecond);
    out.fragment(monotonicKey);
    out.number(monotonicNs);
  }

  #writeOwn(out: ByteWriter, kind: TcpEventKind, view: DataView, offset: number): void {
    const flags = view.getUint32(offset + at.flags, true);
    const hasDuration = (flags & EventFlag.EVENT_HAS_DURATION) !== 0;
    switch (kind) {
      case TcpEventKind.EVENT_CONNECT:
        if (hasDuration) this.#writeDuration(out, handshakeKey, view, offset);
        return;
      case TcpEventKind.EVENT_ACCEPT:
        if (flags & EventFlag.EVENT_BY_LISTENER)
          this.#writeListener(out, view.getInt32(offset + at.fd, true));
        else out.fragment(byAccept);
        return;
      case TcpEventKind.EVENT_FAIL:
        out.fragment(this.#cached(this.#errors, view, offset, errorText));
        if (hasDuration) this.#writeDuration(out, durationKey, view, offset);
        return;
      default:
        writeCloseFields(out, view, offset, flags);
    }
  }

  #writeListener(out: ByteWriter, candidates: number): void {
    out.fragment(byListener);
    if (candidates <= 1) return;
    out.fragment(candidatesKey);
    out.number(candidates);
  }

  #writeDuration(out: ByteWriter, key: Fragment, view: DataView, offset: number): void {
    out.fragment(key);
    out.number(microseconds(readWide(view, offset + at.durationNs)));
  }

  #cached(
    cache: FragmentCache,
    view: DataView,
    offset: number,
    text: (record: KernelRecord) => string,
  ): Fragment {
    const found = cache.find(view, offset);
    return found ?? cache.keep(view, offset, fragment(text(this.#decoder.decode(view, offset))));
  }
}

function writeConnectionId(out: ByteWriter, view: DataView, offset: number): void {
  const low = view.getUint32(offset + at.connectionId, true);
  const high = view.getUint32(offset + at.connectionId + 4, true);
  if (low === 0 && high === 0) return;
  out.fragment(connectionKey);
  out.hex64(high, low);
  out.fragment(quote);
}

function writeCloseFields(out: ByteWriter, view: DataView, offset: number, flags: number): void {
  for (let index = 0; index < closeReaders.length; index++) {
    const reader = closeReaders[index]!;
    const value = readCloseField(reader, view, offset, flags);
    if (value < 0) continue;
    if (reader.field.unit === 'name') {
      out.fragment(closeNames[index]![value]!);
    } else {
      out.fragment(closeKeys[index]!);
      out.number(value);
    }
  }
}

const processText = (record: KernelRecord): string => jsonBetween(record, 'process', 'local');
const localText = (record: KernelRecord): string => untilPort(jsonBetween(record, 'local', 'peer'));
const peerText = (record: KernelRecord): string => `}${untilPort(jsonBetween(record, 'peer', 'service'))}`;
const tailText = (record: KernelRecord): string =>
  `}${jsonBetween(record, 'service', 'flow_id')},"flow_id":"`;
const errorText = (record: KernelRecord): string => jsonBetween(record, 'error', 'duration_us');

/** The text of an endpoint without its port, which comes last. */
function untilPort(endpoint: string): string {
  return endpoint.replace(/\d+\}$/, '');
}
