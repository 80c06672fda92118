/** Puts together what several passes of a discovery found. Pure. */
import { type DiscoveredField, knownFields, type MissingField } from './fields.js';
import type { Solution } from './solve.js';

/** One pass through all experiments. */
export interface Pass extends Solution {
  /** Reasons why experiments failed. */
  readonly failures: readonly string[];
  /** Whether one failed for reasons of the moment, such as too many open files. */
  readonly transient: boolean;
  /** Whether one failed for other reasons than that the kernel refused something. */
  readonly disturbed: boolean;
  /** The number of sockets that were created. */
  readonly sockets: number;
}

/** What all passes together found. */
export interface Combination {
  /** In the order of {@link knownFields}. */
  readonly found: readonly DiscoveredField[];
  readonly missing: readonly MissingField[];
  /** Whether a field is missing that another discovery may find. */
  readonly disturbed: boolean;
}

/** Whether a field is missing for another reason than that nothing could be set for it here. */
export function needsAnotherPass(passes: readonly Pass[]): boolean {
  const { missing, disturbed } = combine(passes);
  return disturbed || (missing.length > 0 && passes.at(-1)!.disturbed);
}

/**
 * Decides on every field: it is where a pass found it, if none found it elsewhere. A pass that did not find it does not count:
 * one disturbed connection suffices for that.
 */
export function combine(passes: readonly Pass[]): Combination {
  const found: DiscoveredField[] = [];
  const missing: MissingField[] = [];
  let disturbed = passes.some(({ transient }) => transient);
  for (const { field } of knownFields) {
    const results = passes.flatMap((pass) => pass.found.filter((candidate) => candidate.field === field));
    const places = new Set(results.map(({ offset, size }) => `${offset}+${size}`));
    if (places.size === 1) {
      found.push(results[0]!);
      continue;
    }
    missing.push({ field, why: places.size > 1 ? differing(results) : whyNot(field, passes) });
    disturbed ||= places.size > 1 || passes.some(({ contradicted }) => contradicted.has(field));
  }
  return { found, missing, disturbed: missing.length > 0 && disturbed };
}

function differing(results: readonly DiscoveredField[]): string {
  return `found at different offsets: ${results.map(({ offset }) => offset).join(', ')}`;
}

function whyNot(field: DiscoveredField['field'], passes: readonly Pass[]): string {
  const { missing, failures } = passes.at(-1)!;
  const why = missing.get(field)!;
  return failures.length > 0 ? `${why} (${failures.join('; ')})` : why;
}
