/** A table of reals' handles by key, such as a map of the kernel. */
export interface HandleTable {
  update(key: Uint8Array, handle: Uint8Array): void;
  delete(key: Uint8Array): boolean;
  entries(): Iterable<[Uint8Array, Uint8Array]>;
}
