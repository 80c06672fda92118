/** The fields of a connection that are mere numbers, in a row. */
import { type Block, copyRow, Double, MARK_WORDS, Mark, ROW_DOUBLES, type RowPlace, Word } from './rows.js';

/** Where the number of misses is among the flags. */
const MISSES_SHIFT = 16;
const MAX_MISSES = 0xffff;

export class RowFields {
  /** Shared with other rows. */
  protected block: Block;
  /** The number of rows before it in the block. */
  protected row: number;
  /** Where the row begins, counted in 64-bit numbers. */
  protected at: number;

  constructor({ block, row }: RowPlace) {
    this.block = block;
    this.row = row;
    this.at = row * ROW_DOUBLES;
  }

  protected wordAt(field: number): number {
    return 2 * this.at + field;
  }

  protected number64(field: number): number {
    return this.block.doubles[this.at + field]!;
  }

  protected setNumber64(field: number, value: number): void {
    this.block.doubles[this.at + field] = value;
  }

  protected optional(field: number): number | undefined {
    const value = this.number64(field);
    return Number.isNaN(value) ? undefined : value;
  }

  protected getWord(field: number): number {
    return this.block.words[this.wordAt(field)]!;
  }

  protected setWord(field: number, value: number): void {
    this.block.words[this.wordAt(field)] = value;
  }

  /** Takes the numbers along to another row. */
  protected moveRow(place: RowPlace): void {
    copyRow({ block: this.block, row: this.row }, place);
    this.steady = 0;
    this.block = place.block;
    this.row = place.row;
    this.at = place.row * ROW_DOUBLES;
  }

  get interface_index(): number {
    return this.getWord(Word.interfaceIndex);
  }

  set interface_index(value: number) {
    this.setWord(Word.interfaceIndex, value);
  }

  get inode(): number {
    return this.getWord(Word.inode);
  }

  set inode(value: number) {
    this.setWord(Word.inode, value);
  }

  /** The refresh that last found its socket. */
  get generation(): number {
    return this.block.marks[this.row * MARK_WORDS + Mark.generation]!;
  }

  set generation(value: number) {
    this.block.marks[this.row * MARK_WORDS + Mark.generation] = value;
  }

  /** The number of refreshes since the last one that found its socket. */
  get misses(): number {
    return this.getWord(Word.flags) >>> MISSES_SHIFT;
  }

  set misses(value: number) {
    const flags = this.getWord(Word.flags) & ((1 << MISSES_SHIFT) - 1);
    this.setWord(Word.flags, flags | (Math.min(value, MAX_MISSES) << MISSES_SHIFT));
  }

  /** Where its socket came in the last walk in which it did. */
  get walkPosition(): number {
    return this.block.walkPositions[this.row]!;
  }

  set walkPosition(position: number) {
    this.block.walkPositions[this.row] = position;
  }

  /**
   * Not 0: a walk that finds the socket as it was changes nothing, while the process with this number has it; see
   * {@link SteadyProcesses}.
   */
  get steady(): number {
    return this.block.marks[this.row * MARK_WORDS + Mark.steady]!;
  }

  set steady(process: number) {
    this.block.marks[this.row * MARK_WORDS + Mark.steady] = process;
  }

  get active_ns(): number {
    return this.number64(Double.activeNs);
  }

  set active_ns(value: number) {
    this.setNumber64(Double.activeNs, value);
  }

  get bytes_sent(): number {
    return this.number64(Double.bytesSent);
  }

  set bytes_sent(value: number) {
    this.setNumber64(Double.bytesSent, value);
  }

  get bytes_received(): number {
    return this.number64(Double.bytesReceived);
  }

  set bytes_received(value: number) {
    this.setNumber64(Double.bytesReceived, value);
  }

  get packets_sent(): number {
    return this.number64(Double.packetsSent);
  }

  set packets_sent(value: number) {
    this.setNumber64(Double.packetsSent, value);
  }

  get packets_received(): number {
    return this.number64(Double.packetsReceived);
  }

  set packets_received(value: number) {
    this.setNumber64(Double.packetsReceived, value);
  }

  get send_rate(): number {
    return this.number64(Double.sendRate);
  }

  set send_rate(value: number) {
    this.setNumber64(Double.sendRate, value);
  }

  get receive_rate(): number {
    return this.number64(Double.receiveRate);
  }

  set receive_rate(value: number) {
    this.setNumber64(Double.receiveRate, value);
  }

  get retransmits(): number {
    return this.number64(Double.retransmits);
  }

  set retransmits(value: number) {
    this.setNumber64(Double.retransmits, value);
  }

  /** Time of the event that brought `flow_id`; for UDP, `process`. */
  get flowNs(): number {
    return this.number64(Double.flowNs);
  }

  set flowNs(value: number) {
    this.setNumber64(Double.flowNs, value);
  }

  /** The end of the refresh that last found its socket. */
  get seenToNs(): number {
    return this.block.seenToNs[this.row]!;
  }

  set seenToNs(value: number) {
    this.block.seenToNs[this.row] = value;
  }

  get createdNs(): number {
    return this.number64(Double.createdNs);
  }

  /** Its figures when it was first seen, which are not part of the totals. */
  get baselineSent(): number {
    return this.number64(Double.baselineSent);
  }

  set baselineSent(value: number) {
    this.setNumber64(Double.baselineSent, value);
  }

  get baselineReceived(): number {
    return this.number64(Double.baselineReceived);
  }

  set baselineReceived(value: number) {
    this.setNumber64(Double.baselineReceived, value);
  }

  get baselineRetransmits(): number {
    return this.number64(Double.baselineRetransmits);
  }

  set baselineRetransmits(value: number) {
    this.setNumber64(Double.baselineRetransmits, value);
  }

  /** When the bytes for the rates were read. */
  get sampledNs(): number {
    return this.block.markDoubles[(this.row * MARK_WORDS + Mark.sampledNs) >>> 1]!;
  }

  set sampledNs(value: number) {
    this.block.markDoubles[(this.row * MARK_WORDS + Mark.sampledNs) >>> 1] = value;
  }

  get cgroup_id(): number | undefined {
    return this.optional(Double.cgroupId);
  }

  set cgroup_id(value: number | undefined) {
    this.setNumber64(Double.cgroupId, value ?? Number.NaN);
  }

  get started_ns(): number | undefined {
    return this.optional(Double.startedNs);
  }

  set started_ns(value: number | undefined) {
    this.setNumber64(Double.startedNs, value ?? Number.NaN);
  }

  /** Cookie of the socket, once a refresh has found it; UDP flows do not need it. */
  get cookie(): number | undefined {
    return this.optional(Double.cookie);
  }

  set cookie(value: number | undefined) {
    this.setNumber64(Double.cookie, value ?? Number.NaN);
  }

  /** When the event was that named `process`; undefined where it was found by its descriptors. */
  get processNs(): number | undefined {
    return this.optional(Double.processNs);
  }

  set processNs(value: number | undefined) {
    this.setNumber64(Double.processNs, value ?? Number.NaN);
  }

  /** Version of FindProcess when `process` was last looked up. */
  get processVersion(): number | undefined {
    const stored = this.getWord(Word.processVersion);
    return stored === 0 ? undefined : stored - 1;
  }

  set processVersion(version: number | undefined) {
    this.setWord(Word.processVersion, version === undefined ? 0 : version + 1);
  }

  /** Smoothed RTT, microseconds; 0 before the first sample. */
  get srtt_us(): number | undefined {
    return this.getWord(Word.srttUs) || undefined;
  }

  set srtt_us(srtt: number | undefined) {
    this.setWord(Word.srttUs, srtt ?? 0);
  }
}
