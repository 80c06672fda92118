/**
 * Text of bytes that need not be UTF-8, as names of processes and files are: a byte that is not is a lone surrogate, U+DC80 to
 * U+DCFF, which no UTF-8 can be (as Python's `surrogateescape`, PEP 383). So different bytes are different strings, and
 * strings become the same bytes again.
 *
 * @module @weir/ebpf/byte-text
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** With the flag `u`, halves of a pair are not found. */
const bytesInText = /[\udc80-\udcff]/u;
const pieces = /[\udc80-\udcff]|[^\udc80-\udcff]+/gu;
const SURROGATE_BASE = 0xdc00;
const LONGEST_CHARACTER = 4;

/** Bytes as text. */
export function decodeBytes(bytes: Uint8Array): string {
  const text = decode(bytes);
  if (text !== undefined) return text;
  let mixed = '';
  for (let start = 0; start < bytes.length; ) {
    const character = firstCharacter(bytes, start);
    mixed += character ?? String.fromCharCode(SURROGATE_BASE + bytes[start]!);
    start += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return mixed;
}

/** The bytes that {@link decodeBytes} made this text from. */
export function encodeText(text: string): Uint8Array {
  if (!bytesInText.test(text)) return Buffer.from(text);
  const parts = (text.match(pieces) ?? []).map((piece) =>
    bytesInText.test(piece) ? Uint8Array.of(piece.charCodeAt(0) - SURROGATE_BASE) : Buffer.from(piece),
  );
  return Buffer.concat(parts);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function firstCharacter(bytes: Uint8Array, start: number): string | undefined {
  for (let length = 1; length <= LONGEST_CHARACTER && start + length <= bytes.length; length++) {
    const character = decode(bytes.subarray(start, start + length));
    if (character !== undefined) return character;
  }
  return undefined;
}
