/** Handles of reals by key. A map of the kernel is one. */
export interface HandleTable {
  update(key: Uint8Array, handle: Uint8Array): void;
  delete(key: Uint8Array): boolean;
  entries(): Iterable<[Uint8Array, Uint8Array]>;
}
