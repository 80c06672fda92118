/** Pinned maps that the next version's programs go on with. */
import { existsSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfMap, type MapSpec, openPinnedMap } from '@weir/ebpf';
import type { PinFolder } from './pin-folder.js';

/** Opens the pinned map of a spec. A map of another shape is unpinned; the attached program keeps it. */
export function openKept(folder: PinFolder, spec: MapSpec): BpfMap[] {
  const path = join(folder.path, spec.name);
  if (!existsSync(path)) return [];
  const map = openPinnedMap(path);
  if (
    map.keySize === spec.keySize &&
    map.valueSize === spec.valueSize &&
    map.maxEntries === spec.maxEntries
  ) {
    return [map];
  }
  map[Symbol.dispose]();
  unlinkSync(path);
  return [];
}
