/** The balancer that an earlier process left pinned. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfMap, type MapSpec, MapType, openPinnedMap } from '@weir/ebpf';
import type { HandleTable } from '../datapath/handle-table.js';
import type { SavedState } from './state.js';

/** Maps and saved state of an earlier process. */
export class PreviousInstance {
  readonly state: SavedState;
  readonly #folder: string;

  constructor(state: SavedState, folder: string) {
    this.state = state;
    this.#folder = folder;
  }

  /** Opens the map of a name, whatever its shape. */
  openMap(name: string): BpfMap | undefined {
    const path = join(this.#folder, name);
    return existsSync(path) ? openPinnedMap(path) : undefined;
  }

  /** Reads a table of the earlier process: this process's own if the map is reused, else the pinned one. */
  withTable(
    name: string,
    reused: ReadonlySet<string>,
    own: HandleTable,
    open: (map: BpfMap) => HandleTable,
    read: (table: HandleTable) => void,
  ): void {
    if (reused.has(name)) {
      read(own);
      return;
    }
    using old = this.openMap(name);
    if (old !== undefined) read(open(old));
  }

  /** Opens the map of a spec's name if it has the spec's shape. */
  openFitting(spec: MapSpec, maxEntries: number): BpfMap | undefined {
    const map = this.openMap(spec.name);
    if (map === undefined) return undefined;
    const fits =
      map.type === spec.type &&
      map.keySize === spec.keySize &&
      map.valueSize === spec.valueSize &&
      map.maxEntries === maxEntries &&
      map.flags === spec.flags &&
      spec.innerMap?.valueSize === this.state.innerSizes[spec.name];
    if (fits) return map;
    map[Symbol.dispose]();
    return undefined;
  }
}

/** Whether several loads of the programs share a map: all except global variables and arrays of a load's own programs. */
export function isShared(spec: MapSpec): boolean {
  return spec.contents === undefined && (spec.initialSlots === undefined || spec.type !== MapType.progArray);
}

/** Whether a map outlives its process. A reader's buffers do not. */
export function isKept(spec: MapSpec): boolean {
  return isShared(spec) && spec.name !== 'captures';
}
