/** Maps whose values are other kernel objects. */

import { indexKey } from './array.js';
import { BpfMap } from './map.js';

/**
 * A program array (4.2), perf event array (4.3), cgroup array (4.8), array of maps or hash of maps (4.12), sockmap (4.14), sockhash (4.18),
 * array of AF_XDP sockets (4.18) or of SO_REUSEPORT sockets (4.19). It stores objects by their file descriptors and keeps them alive, except
 * sockets, which leave it when they are closed. A lookup, where the kind allows one, finds the object's id.
 */
export class DescriptorMap extends BpfMap {
  /** Stores an object by its descriptor. A number as key stands for an array's index. */
  setFd(key: Uint8Array | number, fd: number): void {
    const value = new Uint8Array(this.valueSize);
    value.set(indexKey(fd));
    this.update(toKey(key), value);
  }

  /** Empties a slot; returns whether it held something. */
  clear(key: Uint8Array | number): boolean {
    return this.delete(toKey(key));
  }

  /** The id of the stored program or map; `undefined` if there is none. Perf events, cgroups and sockets have no ids. */
  lookupId(key: Uint8Array | number): number | undefined {
    const value = this.lookup(toKey(key));
    return value === undefined ? undefined : new DataView(value.buffer).getUint32(0, true);
  }
}

function toKey(key: Uint8Array | number): Uint8Array {
  return typeof key === 'number' ? indexKey(key) : key;
}
