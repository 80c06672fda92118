/** Sends records to one receiver, again and again where that fails, and counts what became of them. */
import { BackOff } from './back-off.js';
import { DeliveryQueue } from './delivery-queue.js';
import { type ExportedRecord, plain } from './exported-record.js';
import type { MetricExportCounts } from './metric-export.js';
import type { Packet, SendResult, Sink } from './packet.js';
import { TimeLimit } from './time-limit.js';

/** What one exporter has done since it was started. Each record is in one of the first four. */
export interface ExporterCounts {
  /** Records that the receiver has, as far as its protocol says so. */
  readonly sent: number;
  readonly waiting: number;
  /** Records for which there was no room. */
  readonly dropped: number;
  /** Records that the receiver refused for good, or that its protocol cannot carry. */
  readonly refused: number;
  /** Records that were sent again, as it was not known whether they had arrived. */
  readonly repeated: number;
}

/** An exporter and how it is. */
export interface ExporterStatus extends ExporterCounts {
  readonly name: string;
  readonly type: string;
  /** Why the receiver does not take records now. */
  readonly problem?: string;
  /** What was sent of metrics, which do not wait; absent where none are. */
  readonly metrics?: MetricExportCounts;
}

/** How an exporter works. */
export interface ExporterOptions {
  readonly name: string;
  readonly type: string;
  readonly sink: Sink;
  /** Bytes that wait. */
  readonly queueBytes: number;
  /** Which connections are sent. Losses always are. */
  readonly isWanted: (record: ExportedRecord) => boolean;
  /** Reports changes: that the receiver fails, or works again, and what was dropped. */
  readonly say: (message: string) => void;
  readonly random?: () => number;
}

/** Drops are reported at most so often. */
const REPORT_MS = 10_000;
const MOST_MESSAGE = 500;
/** Waits between attempts while it ends. */
const LAST_WAITS_MS = 200;

/** Sends until it is closed. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #queue: DeliveryQueue;
  readonly #backOff: BackOff;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  #sink: Sink;
  #isWanted: ExporterOptions['isWanted'];
  #sent = 0;
  #dropped = 0;
  #refused = 0;
  #repeated = 0;
  #problem: string | undefined;
  #wake = () => {};
  #hurry = new AbortController();
  #isClosing = false;
  #sending: Promise<unknown> = Promise.resolve();
  #reported = { dropped: 0, refused: 0, atMs: Number.NEGATIVE_INFINITY };
  #refusal = '';

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#queue = new DeliveryQueue(options.queueBytes);
    this.#backOff = new BackOff(options.random);
    this.#isWanted = options.isWanted;
    this.#sink = this.#use(options.sink);
    this.#running = this.#run();
  }

  /** What it is, and what it has done. */
  get status(): ExporterStatus {
    const { name, type } = this.#options;
    return {
      ...{ name, type, sent: this.#sent, waiting: this.#queue.records },
      ...{ dropped: this.#dropped, refused: this.#refused, repeated: this.#repeated },
      ...(this.#problem !== undefined && { problem: this.#problem }),
    };
  }

  /** Takes records; never waits. */
  publish(records: readonly ExportedRecord[]): void {
    const wanted = records.filter((record) => record.connection === undefined || this.#isWanted(record));
    if (wanted.length === 0) return;
    if (this.#queue.isFull) this.#dropped += wanted.length;
    else {
      const { packets, unfit } = this.#sink.encode(wanted);
      if (unfit > 0) this.#refuse(unfit, 'too large for the protocol');
      for (const packet of packets) if (!this.#queue.offer(packet)) this.#dropped += packet.records;
    }
    this.#wake();
    this.#report();
  }

  /** Uses another sink, of the same type, for what waits and for what comes. The earlier one is closed. */
  async replace(sink: Sink, isWanted: ExporterOptions['isWanted']): Promise<void> {
    const earlier = this.#sink;
    this.#sink = this.#use(sink);
    this.#isWanted = isWanted;
    this.#hurry.abort();
    await this.#sending.catch(() => {});
    await earlier[Symbol.asyncDispose]();
  }

  /** Sends what waits, for a time at most; what is left is dropped, and counted. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    this.#hurry.abort();
    this.#wake();
    using limit = new TimeLimit(timeoutMs);
    await Promise.race([this.#running, limit.ended]);
    this.#end.abort();
    await this.#running;
    // Packets that it gives back now are not sent again.
    await this.#sink[Symbol.asyncDispose]();
    this.#dropped += this.#queue.clear();
    this.#report(true);
  }

  #use(sink: Sink): Sink {
    sink.onReturned = (packets) => this.#returned(packets);
    return sink;
  }

  #returned(packets: readonly Packet[]): void {
    const records = packets.reduce((sum, packet) => sum + packet.records, 0);
    this.#sent -= records;
    this.#repeated += records;
    this.#queue.putBack(packets);
    this.#wake();
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const packet = this.#queue.first;
      if (packet === undefined) {
        if (this.#isClosing) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const sending = this.#send(packet);
      this.#sending = sending;
      const result = await sending;
      if (this.#end.signal.aborted && result.kind === 'retry') return;
      const waitMs = this.#handle(packet, result);
      if (waitMs > 0) await this.#pause(waitMs);
    }
  }

  async #send(packet: Packet): Promise<SendResult> {
    try {
      return await this.#sink.send(packet, this.#end.signal);
    } catch (error) {
      return { kind: 'retry', message: (error as Error).message };
    }
  }

  /** Milliseconds until the next attempt. */
  #handle(packet: Packet, result: SendResult): number {
    if (result.kind === 'retry') {
      this.#fails(result.message);
      const waitMs = this.#backOff.next(result.afterMs);
      return this.#isClosing ? Math.min(waitMs, LAST_WAITS_MS) : waitMs;
    }
    this.#queue.remove(packet);
    this.#backOff.reset();
    const refused =
      result.kind === 'refused' ? packet.records : Math.min(packet.records, result.refused ?? 0);
    this.#sent += packet.records - refused;
    if (refused > 0) this.#refuse(refused, result.message ?? 'no reason given');
    if (result.kind === 'sent') this.#works();
    this.#report();
    return 0;
  }

  async #pause(waitMs: number): Promise<void> {
    this.#hurry = new AbortController();
    using limit = new TimeLimit(waitMs, this.#hurry.signal, this.#end.signal);
    await limit.ended;
  }

  #fails(message: string): void {
    if (this.#problem === undefined) this.#say(`${message}; records wait and are sent later`);
    this.#problem = message;
  }

  #works(): void {
    if (this.#problem !== undefined) this.#say('the receiver takes records again');
    this.#problem = undefined;
  }

  #refuse(records: number, reason: string): void {
    this.#refused += records;
    this.#refusal = reason;
  }

  #report(isLast = false): void {
    const dropped = this.#dropped - this.#reported.dropped;
    const refused = this.#refused - this.#reported.refused;
    if (dropped + refused === 0) return;
    const nowMs = performance.now();
    if (!isLast && nowMs - this.#reported.atMs < REPORT_MS) return;
    this.#reported = { dropped: this.#dropped, refused: this.#refused, atMs: nowMs };
    const why = isLast ? 'it ends' : 'they found no room';
    if (dropped > 0) this.#say(`${dropped} records were dropped: ${why} (${this.#dropped} in all)`);
    if (refused > 0) this.#say(`${refused} records were refused: ${this.#refusal} (${this.#refused} in all)`);
  }

  #say(message: string): void {
    // Receivers word some of it.
    this.#options.say(`exporter ${this.#options.name}: ${plain(message).slice(0, MOST_MESSAGE)}`);
  }
}
