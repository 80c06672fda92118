/** Encoding of generated structs. */
import { indexKey } from '@weir/ebpf';

/** Encodes a struct, as a map's key or value. */
export function encode<T>(
  size: number,
  write: (view: DataView, offset: number, value: T) => void,
  value: T,
): Uint8Array {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer), 0, value);
  return bytes;
}

/** Encodes a 32-bit number, as a map's key or value. */
export const encodeNumber = indexKey;
