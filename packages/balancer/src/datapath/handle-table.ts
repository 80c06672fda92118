/** Names of reals by key. A map of the kernel is one. */
export interface NameTable {
  update(key: Uint8Array, name: Uint8Array): void;
  delete(key: Uint8Array): boolean;
  entries(): Iterable<[Uint8Array, Uint8Array]>;
}
