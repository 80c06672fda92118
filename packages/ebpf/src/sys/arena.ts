/**
 * Memory whose address never changes and which is never freed. A buffer's address does not keep it alive, so what the
 * kernel reads and writes on behalf of short-lived objects lies here.
 */
import { ffi } from './ffi.js';

/** Memory outside the heap, at an address that system calls can be given. */
export interface Arena {
  readonly address: number;
  /** The memory, all of it; `view` is of the same. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

const arenas: Arena[] = [];

/**
 * Allocates an arena for as long as the process runs: for module-level scratch space, never for an object's.
 *
 * @param size Bytes.
 */
export function createArena(size: number): Arena {
  const bytes = new Uint8Array(size);
  const arena = { address: ffi().address(bytes), bytes, view: new DataView(bytes.buffer) };
  arenas.push(arena);
  return arena;
}
