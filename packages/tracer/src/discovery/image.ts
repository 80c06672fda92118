/** A piece of kernel memory as it was copied out: bytes, and which of them could be read. Pure. */

/** Bytes that are copied, and fail, together. */
export const CHUNK_SIZE = 256;

export class Image {
  /** Where it was in the kernel. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
  /** For each chunk, whether it could be read. */
  readonly readable: readonly boolean[];
  readonly #view: DataView;

  constructor(address: bigint, bytes: Uint8Array, readable: readonly boolean[]) {
    this.address = address;
    this.bytes = bytes;
    this.readable = readable;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Whether all of these bytes could be read. */
  has(offset: number, size: number): boolean {
    if (offset < 0 || offset + size > this.bytes.length) return false;
    const last = Math.floor((offset + size - 1) / CHUNK_SIZE);
    for (let chunk = Math.floor(offset / CHUNK_SIZE); chunk <= last; chunk++) {
      if (this.readable[chunk] !== true) return false;
    }
    return true;
  }

  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  /** In network order. */
  be16(offset: number): number {
    return this.#view.getUint16(offset, false);
  }

  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** In network order. */
  be32(offset: number): number {
    return this.#view.getUint32(offset, false);
  }

  u64(offset: number): bigint {
    return this.#view.getBigUint64(offset, true);
  }

  /** Whether these bytes stand at an offset. */
  holds(offset: number, bytes: Uint8Array): boolean {
    return (
      this.has(offset, bytes.length) && bytes.every((byte, index) => this.bytes[offset + index] === byte)
    );
  }
}
