/**
 * Compares types with a discovery: fields such as those of a task, or of a connection that fails in an uncommon way, have no part
 * in what the connections of verify.ts show.
 */
import { type Btf, EbpfError, type FeatureTable } from '@weir/ebpf';
import { type DiscoveredField, discover } from '../discovery/index.js';
import { fieldOffset } from './offsets.js';

/**
 * Discovers once, and a second time if something differs.
 *
 * @returns a description of the first field that a discovery finds elsewhere than the types say; undefined if there is none, or
 *   if nothing can be discovered here.
 */
export function findDisplacedField(btf: Btf, features?: FeatureTable): string | undefined {
  const once = () => displacedField(btf, discoverOnce(features));
  return once() && once();
}

function discoverOnce(features: FeatureTable | undefined): readonly DiscoveredField[] {
  try {
    return discover({ maxPasses: 1, ...(features && { features }) }).fields;
  } catch (error) {
    if (error instanceof EbpfError) return [];
    throw error;
  }
}

/** Fields that the types or the discovery lack are not compared. Pure. */
export function displacedField(btf: Btf, discovered: readonly DiscoveredField[]): string | undefined {
  for (const field of discovered) {
    const offset = fieldOffset(btf, field);
    if (offset !== undefined && offset !== field.offset)
      return `${field.struct}.${field.field} is at ${field.offset}, not at ${offset}`;
  }
  return undefined;
}
