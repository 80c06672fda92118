/**
 * Bob Jenkins' lookup3 hash in the form of Linux's `include/linux/jhash.h`, which the kernel program computes for a
 * packet's flow.
 */

/** Start of the state's three words, before length and initial value are added. */
const START = 0xdeadbeef;

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** The last stage. Returns the state's third word, on which every bit of the input has an influence. */
function finish(a: number, b: number, c: number): number {
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  return ((c ^ b) - rotate(b, 24)) >>> 0;
}

/** Hash of two 32-bit words. */
export function jhash2Words(a: number, b: number, initial: number): number {
  const start = (START + 8 + initial) | 0;
  return finish((a + start) | 0, (b + start) | 0, start);
}

/** Hash of bytes, which are read as little-endian words. */
export function jhash(bytes: Uint8Array, initial: number): number {
  let a = (START + bytes.length + initial) | 0;
  let b = a;
  let c = a;
  const word = (at: number): number => {
    let value = 0;
    for (let i = 0; i < 4 && at + i < bytes.length; i++) value |= bytes[at + i]! << (8 * i);
    return value;
  };
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    a = (a + word(at)) | 0;
    b = (b + word(at + 4)) | 0;
    c = (c + word(at + 8)) | 0;
    a = ((a - c) ^ rotate(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rotate(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rotate(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rotate(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (at === bytes.length) return c >>> 0;
  return finish((a + word(at)) | 0, (b + word(at + 4)) | 0, (c + word(at + 8)) | 0);
}
