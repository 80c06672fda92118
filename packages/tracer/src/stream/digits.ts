/**
 * Fixed numbers of digits as text. String.fromCharCode makes one flat string; joining pieces makes one for each piece, and whoever reads
 * the text copies them once more. An id takes a third of the time that it takes as a BigInt. Both lengths are written out: with ids put
 * together of halves, a whole record takes a third longer to decode.
 */

const ZERO = 0x30;
const hexDigits = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const LETTER_Z = 0x5a;

/** A number of 64 bits as 16 hexadecimal digits. @param high Its upper 32 bits. @param low Its lower ones. */
export function hexText16(high: number, low: number): string {
  return String.fromCharCode(
    hexDigits[high >>> 28]!,
    hexDigits[(high >>> 24) & 15]!,
    hexDigits[(high >>> 20) & 15]!,
    hexDigits[(high >>> 16) & 15]!,
    hexDigits[(high >>> 12) & 15]!,
    hexDigits[(high >>> 8) & 15]!,
    hexDigits[(high >>> 4) & 15]!,
    hexDigits[high & 15]!,
    hexDigits[low >>> 28]!,
    hexDigits[(low >>> 24) & 15]!,
    hexDigits[(low >>> 20) & 15]!,
    hexDigits[(low >>> 16) & 15]!,
    hexDigits[(low >>> 12) & 15]!,
    hexDigits[(low >>> 8) & 15]!,
    hexDigits[(low >>> 4) & 15]!,
    hexDigits[low & 15]!,
  );
}

/** A number of 60 bits as 15 hexadecimal digits. @param high Its upper 28 bits. @param low Its lower 32. */
export function hexText15(high: number, low: number): string {
  return String.fromCharCode(
    hexDigits[(high >>> 24) & 15]!,
    hexDigits[(high >>> 20) & 15]!,
    hexDigits[(high >>> 16) & 15]!,
    hexDigits[(high >>> 12) & 15]!,
    hexDigits[(high >>> 8) & 15]!,
    hexDigits[(high >>> 4) & 15]!,
    hexDigits[high & 15]!,
    hexDigits[low >>> 28]!,
    hexDigits[(low >>> 24) & 15]!,
    hexDigits[(low >>> 20) & 15]!,
    hexDigits[(low >>> 16) & 15]!,
    hexDigits[(low >>> 12) & 15]!,
    hexDigits[(low >>> 8) & 15]!,
    hexDigits[(low >>> 4) & 15]!,
    hexDigits[low & 15]!,
  );
}

/** Nine decimal digits and a Z, as times in UTC end. @param ns From 0 to 999,999,999. */
export function nanosecondsText(ns: number): string {
  const us = Math.floor(ns / 1000);
  const ms = Math.floor(us / 1000);
  const micro = us - ms * 1000;
  const nano = ns - us * 1000;
  return String.fromCharCode(
    ZERO + Math.floor(ms / 100),
    ZERO + (Math.floor(ms / 10) % 10),
    ZERO + (ms % 10),
    ZERO + Math.floor(micro / 100),
    ZERO + (Math.floor(micro / 10) % 10),
    ZERO + (micro % 10),
    ZERO + Math.floor(nano / 100),
    ZERO + (Math.floor(nano / 10) % 10),
    ZERO + (nano % 10),
    LETTER_Z,
  );
}
