/** Reads names as escape.ts, and JSON, write them. */
import { decodeBytes, encodeText } from '@weir/ebpf/byte-text';

const escapes = /\\(?:([\\,])|([nrt])|x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\})/gi;
const controls: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const MOST = 0x10ffff;

/** A name from its escaped form; a backslash before anything else, and one that ends it, is itself. */
export function unescapeName(text: string): string {
  const name = text.replace(
    escapes,
    (whole, self?: string, control?: string, byte?: string, unit?: string, braced?: string) => {
      if (self !== undefined) return self;
      if (control !== undefined) return controls[control.toLowerCase()]!;
      if (byte !== undefined) return byteText(Number.parseInt(byte, 16));
      const code = Number.parseInt(unit ?? braced!, 16);
      return code > MOST ? whole : String.fromCodePoint(code);
    },
  );
  // Escaped bytes may be UTF-8 together.
  return decodeBytes(encodeText(name));
}

function byteText(byte: number): string {
  return String.fromCharCode(byte < 0x80 ? byte : 0xdc00 + byte);
}
