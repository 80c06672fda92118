/** A connection in the table: an object whose numbers lie in a row. */
import type { ConnectionProcess, Endpoint } from '../records/record.js';
import { stateName, TcpState, type TcpStateName } from '../sockets/index.js';
import type { Connection } from './connection.js';
import { FLOW_WORDS, formatFlowId, readFlowId } from './flow-ids.js';
import { RowFields } from './row-fields.js';
import { Double, ROW_DOUBLES, type RowPlace, Word } from './rows.js';
import { localOf, netnsOf, peerOf, tupleText, typeOf } from './tuple.js';

/** Bits of the flags. */
const STATE_MASK = 0xf;
const UDP = 1 << 4;
const OUTBOUND = 1 << 5;
const INBOUND = 1 << 6;

/** The number of an entry that is not live. */
const NOT_LIVE = -1;

/** The initial values of an entry. */
export interface EntryInit {
  readonly id: number;
  readonly transport: 'tcp' | 'udp';
  /** Words of {@link Tuple}. */
  readonly ends: Uint32Array;
  readonly interfaceIndex: number;
  readonly nowNs: number;
}

/** A connection with the fields that only the table needs. */
export class Entry extends RowFields implements Connection {
  /** The number of its row among those of live entries. */
  number = NOT_LIVE;
  process: ConnectionProcess | undefined;
  interface: string | undefined;
  /** A flow id that is not made of digits. */
  #flowId: string | undefined;

  /** An entry of which only the ends are known. @param place The row that it gets; it may have old contents. */
  constructor(place: RowPlace, init: EntryInit) {
    super(place);
    this.process = undefined;
    this.interface = undefined;
    this.#flowId = undefined;
    const { doubles, words } = place.block;
    const { at } = this;
    doubles.fill(0, at, at + ROW_DOUBLES);
    words.set(init.ends, this.wordAt(Word.ends));
    words[this.wordAt(Word.interfaceIndex)] = init.interfaceIndex;
    words[this.wordAt(Word.flags)] = init.transport === 'udp' ? UDP : 0;
    doubles[at + Double.id] = init.id;
    doubles[at + Double.cgroupId] = Number.NaN;
    doubles[at + Double.startedNs] = Number.NaN;
    doubles[at + Double.cookie] = Number.NaN;
    doubles[at + Double.processNs] = Number.NaN;
    doubles[at + Double.activeNs] = init.nowNs;
    doubles[at + Double.createdNs] = init.nowNs;
    this.generation = 0;
    this.seenToNs = 0;
    this.sampledNs = init.nowNs;
    this.walkPosition = 0;
    this.steady = 0;
  }

  #setFlags(mask: number, flags: number): void {
    this.setWord(Word.flags, (this.getWord(Word.flags) & ~mask) | flags);
  }

  /** Takes its numbers along to another row. @param number Of that row, where it is one of a live entry. */
  moveTo(place: RowPlace, number = NOT_LIVE): void {
    this.moveRow(place);
    this.number = number;
  }

  /** Whether it is one of the live entries. */
  get isLive(): boolean {
    return this.number !== NOT_LIVE;
  }

  /** The words of its ends: the memory that they are in, and where. */
  get words(): Uint32Array {
    return this.block.words;
  }

  get endsAt(): number {
    return this.wordAt(Word.ends);
  }

  get flowAt(): number {
    return this.wordAt(Word.flow);
  }

  /** A text that at most one live connection has at a time, in any state: two may have the same ends on two interfaces. */
  get key(): string {
    return tupleText(this.transport, this.words, this.endsAt);
  }

  get id(): number {
    return this.number64(Double.id);
  }

  get flow_id(): string | undefined {
    return this.#flowId ?? formatFlowId(this.words, this.flowAt);
  }

  set flow_id(text: string | undefined) {
    this.#flowId = undefined;
    this.words.fill(0, this.flowAt, this.flowAt + FLOW_WORDS);
    if (text !== undefined && !readFlowId(text, this.words, this.flowAt)) this.#flowId = text;
  }

  get hasFlow(): boolean {
    return this.#flowId !== undefined || this.words[this.flowAt + FLOW_WORDS - 1] !== 0;
  }

  get transport(): 'tcp' | 'udp' {
    return (this.getWord(Word.flags) & UDP) === 0 ? 'tcp' : 'udp';
  }

  get type(): 'ipv4' | 'ipv6' {
    return typeOf(this.words, this.endsAt);
  }

  get netns(): number {
    return netnsOf(this.words, this.endsAt);
  }

  get local(): Endpoint {
    return localOf(this.words, this.endsAt);
  }

  get peer(): Endpoint {
    return peerOf(this.words, this.endsAt);
  }

  get direction(): 'outbound' | 'inbound' | undefined {
    const flags = this.getWord(Word.flags);
    if ((flags & OUTBOUND) !== 0) return 'outbound';
    return (flags & INBOUND) === 0 ? undefined : 'inbound';
  }

  set direction(direction: 'outbound' | 'inbound' | undefined) {
    const flag = direction === 'outbound' ? OUTBOUND : direction === 'inbound' ? INBOUND : 0;
    this.#setFlags(OUTBOUND | INBOUND, flag);
  }

  get state(): TcpStateName | undefined {
    return stateName(this.getWord(Word.flags) & STATE_MASK);
  }

  set state(state: TcpStateName | undefined) {
    this.stateNumber = state === undefined ? 0 : TcpState[state];
  }

  /** The state by its number; 0: undefined. */
  set stateNumber(state: number) {
    this.#setFlags(STATE_MASK, state & STATE_MASK);
  }
}
