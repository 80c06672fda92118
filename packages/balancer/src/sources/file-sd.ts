/** Prometheus' form of targets in files: a list of groups with `targets` and `labels`. Pure functions. */
import { yamlValue } from '@weir/config';
import type { FoundReal } from './found-real.js';
import { readPlace } from './real-list.js';

/** The label with the weight of a group's reals. */
const WEIGHT_LABEL = 'weir_weight';

/** Reads a file, JSON or YAML. @throws Error for what is no such list */
export function readFileSd(text: string): FoundReal[] {
  const groups = yamlOf(text);
  // An empty file has no group.
  if (groups === null) return [];
  if (!Array.isArray(groups)) throw new Error('expected a list of groups, each with targets');
  return groups.flatMap((group: unknown, index) => readGroup(group, index + 1));
}

/** What the parser says may have words of the file, which is perhaps none of ours. */
function yamlOf(text: string): unknown {
  try {
    return yamlValue(text);
  } catch (error) {
    const [line = 'it'] = /^line \d+/.exec((error as Error).message) ?? [];
    throw new Error(`${line} is neither JSON nor YAML`);
  }
}

function readGroup(group: unknown, number: number): FoundReal[] {
  const { targets, labels } = (typeof group === 'object' && group !== null ? group : {}) as {
    readonly targets?: unknown;
    readonly labels?: unknown;
  };
  if (!Array.isArray(targets)) throw new Error(`group ${number} has no list of targets`);
  const weight = weightOf(labels, number);
  return targets.map((target: unknown, index) => {
    const place = typeof target === 'string' ? readPlace(target) : undefined;
    if (place === undefined)
      throw new Error(`group ${number}: target ${index + 1} is no address with a port`);
    return { ...place, ...(weight !== undefined && { weight }) };
  });
}

function weightOf(labels: unknown, number: number): number | undefined {
  if (typeof labels !== 'object' || labels === null || !Object.hasOwn(labels, WEIGHT_LABEL)) return undefined;
  const text = String((labels as Readonly<Record<string, unknown>>)[WEIGHT_LABEL]);
  if (!/^\d{1,10}$/.test(text)) throw new Error(`group ${number}: ${WEIGHT_LABEL} is no whole number`);
  return Number(text);
}
