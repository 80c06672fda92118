/** Text, written as bytes into one buffer: constant pieces four bytes at a time, numbers by tables of digits. */

const encoder = new TextEncoder();

/** A piece of text in the form in which it is written fastest. */
export interface Fragment {
  /** Its bytes, four at a time; those behind its end do not count. */
  readonly words: Uint32Array;
  readonly length: number;
  /** Its bytes, where it is long: those are copied by a call of the runtime, which costs the same whether this code is optimized yet. */
  readonly bytes: Uint8Array | undefined;
}

/** From so many bytes on, such a call takes less time than writing four at a time. */
const LONG = 48;

export function fragment(text: string): Fragment {
  const bytes = encoder.encode(text);
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const words = Uint32Array.from({ length: padded.length / 4 }, (_, index) =>
    view.getUint32(4 * index, true),
  );
  return { words, length: bytes.length, bytes: bytes.length < LONG ? undefined : bytes };
}

const ZERO = 0x30;
const LETTER_A = 0x61;

/** 0000 to 9999, four characters each, the first in the lowest byte. */
const fourDigits = new Uint32Array(10_000);
/** 0 to 9999 without leading zeros. */
const shortDigits = new Uint32Array(10_000);
/** 000 to fff. */
const threeHexDigits = new Uint32Array(4096);

/** Not before a writer needs them: this takes a noticeable part of the command's start. */
function fillTables(): void {
  if (fourDigits[0] !== 0) return;
  for (let high = 0; high < 100; high++) {
    for (let low = 0; low < 100; low++) {
      const n = 100 * high + low;
      fourDigits[n] = twoDigits(high) | (twoDigits(low) << 16);
      shortDigits[n] = fourDigits[n]! >>> (8 * (4 - digitsOf(n)));
    }
  }
  for (let n = 0; n < threeHexDigits.length; n++) {
    threeHexDigits[n] = hexDigit(n >>> 8) | (hexDigit((n >>> 4) & 15) << 8) | (hexDigit(n & 15) << 16);
  }
}

function twoDigits(n: number): number {
  return (ZERO + ((n / 10) | 0)) | ((ZERO + (n % 10)) << 8);
}

/** @param n Below 10,000. */
function digitsOf(n: number): number {
  return n < 10 ? 1 : n < 100 ? 2 : n < 1000 ? 3 : 4;
}

function hexDigit(n: number): number {
  return n < 10 ? ZERO + n : LETTER_A + n - 10;
}

/** Room that {@link ByteWriter.number} and its like may write beyond what they need. */
const SPARE = 4;
const MINUS = 0x2d;

/** A growing buffer. What is written must fit the room that was made. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;

  constructor(capacity: number) {
    fillTables();
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#at;
  }

  /** What was written, in memory that is written again after {@link clear}. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): void {
    this.#at = 0;
  }

  /** Makes room for so many bytes more. */
  makeRoom(bytes: number): void {
    const needed = this.#at + bytes + SPARE;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.written());
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }

  fragment({ words, length, bytes }: Fragment): void {
    const view = this.#view;
    const at = this.#at;
    this.#at = at + length;
    if (bytes !== undefined) {
      this.#bytes.set(bytes, at);
      return;
    }
    for (let index = 0; index < words.length; index++) view.setUint32(at + 4 * index, words[index]!, true);
  }

  /** Any text; slow. */
  text(text: string): void {
    this.makeRoom(3 * text.length);
    this.#at += encoder.encodeInto(text, this.#bytes.subarray(this.#at)).written;
  }

  /** A whole number up to 2^53. */
  number(value: number): void {
    if (value < 10_000) {
      this.#short(value);
      return;
    }
    if (value < 100_000_000) {
      const high = (value / 10_000) | 0;
      this.#short(high);
      // The result of `|` is a small integer also before this code is optimized, as an index of a table should be.
      this.#four((value - high * 10_000) | 0);
      return;
    }
    const high = (value / 100_000_000) | 0;
    this.number(high);
    this.#eight((value - high * 100_000_000) | 0);
  }

  #short(value: number): void {
    if (value < 0) {
      this.#view.setUint8(this.#at++, MINUS);
      this.number(-value);
      return;
    }
    const small = value | 0;
    this.#view.setUint32(this.#at, shortDigits[small]!, true);
    this.#at += digitsOf(small);
  }

  #four(value: number): void {
    this.#view.setUint32(this.#at, fourDigits[value]!, true);
    this.#at += 4;
  }

  #eight(value: number): void {
    const high = (value / 10_000) | 0;
    this.#four(high);
    this.#four(value - high * 10_000);
  }

  /** Nine digits: 0 to 999,999,999. */
  nanoseconds(value: number): void {
    const high = (value / 100_000_000) | 0;
    this.#short(high);
    this.#eight((value - high * 100_000_000) | 0);
  }

  /** 64 bits as 16 hexadecimal digits. */
  hex64(high: number, low: number): void {
    this.#view.setUint8(this.#at++, hexDigit(high >>> 28));
    this.hex60(high, low);
  }

  /** The lower 60 of 64 bits as 15 hexadecimal digits. */
  hex60(high: number, low: number): void {
    this.#hex12((high >>> 16) & 0xfff);
    this.#hex12((high >>> 4) & 0xfff);
    this.#hex12(((high & 0xf) << 8) | (low >>> 24));
    this.#hex12((low >>> 12) & 0xfff);
    this.#hex12(low & 0xfff);
  }

  #hex12(value: number): void {
    this.#view.setUint32(this.#at, threeHexDigits[value]!, true);
    this.#at += 3;
  }
}
