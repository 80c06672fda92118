/** The search for offsets at which known values stand, in all images. Pure. */

import { type DiscoveredField, type FieldName, knownField, type Method } from './fields.js';
import type { Image } from './image.js';
import type { Observation, Observations } from './observations.js';

/** Collects the fields that the solver finds, and those that it does not. */
export class Findings {
  readonly observations: Observations;
  readonly #found = new Map<FieldName, DiscoveredField>();
  readonly #missing = new Map<FieldName, string>();
  readonly #contradicted = new Set<FieldName>();

  constructor(observations: Observations) {
    this.observations = observations;
  }

  get found(): readonly DiscoveredField[] {
    return [...this.#found.values()];
  }

  get missing(): ReadonlyMap<FieldName, string> {
    return this.#missing;
  }

  /** Missing fields for which values were known, but not one offset fitted these. */
  get contradicted(): ReadonlySet<FieldName> {
    return this.#contradicted;
  }

  /** The offset of a field, if it was found. */
  offset(name: FieldName): number | undefined {
    return this.#found.get(name)?.offset;
  }

  /** @param overrides Properties of the field in this kernel, such as its size. */
  add(name: FieldName, offset: number, how: Method, candidates = 1, overrides: { size?: number } = {}): void {
    this.#found.set(name, { ...knownField(name), ...overrides, offset, how, candidates });
  }

  miss(name: FieldName, why: string): void {
    this.#missing.set(name, why);
  }

  /** Records that a field was searched for, and that another number of offsets than one fitted. */
  contradict(name: FieldName, count: number): void {
    this.miss(name, howMany(count));
    this.#contradicted.add(name);
  }

  /** Adds a field if exactly one offset was left, and otherwise records why not. */
  decide(name: FieldName, offsets: readonly number[], how: Method = 'values'): void {
    if (offsets.length === 1) this.add(name, offsets[0]!, how);
    else this.contradict(name, offsets.length);
  }
}

/** Why this number of candidates is no result. */
function howMany(count: number): string {
  if (count === 0) return 'at no offset does what was known stand';
  return `${count} offsets fit what was known`;
}

/** A search for a field. */
export interface Search {
  /** Bytes of the field. */
  readonly size: number;
  /** The field begins at a multiple of these bytes. Default: `size`, at most 8. */
  readonly align?: number;
  /** The field begins before this offset. */
  readonly limit?: number | undefined;
  /** Begin here. */
  readonly from?: number;
}

/** The offsets that fit in all of some observations; all of them if there are no observations. */
export function offsetsWhere<T extends { readonly image: Image }>(
  observations: readonly T[],
  { size, align = Math.min(size, 8), limit = Number.POSITIVE_INFINITY, from = 0 }: Search,
  fits: (observation: T, offset: number) => boolean,
): number[] {
  const length = Math.min(limit, ...observations.map(({ image }) => image.bytes.length - size + 1));
  if (!Number.isFinite(length)) return [];
  const offsets: number[] = [];
  for (let offset = from; offset < length; offset += align) {
    if (observations.every((seen) => seen.image.has(offset, size) && fits(seen, offset)))
      offsets.push(offset);
  }
  return offsets;
}

/** A value that is known in some of the observations. */
export interface KnownValue {
  readonly search: Search;
  /** Different values that must have been seen: fewer prove nothing. */
  readonly distinct: number;
  value(observation: Observation): bigint | number | undefined;
  /** Whether it stands there. */
  fits(image: Image, offset: number, value: bigint | number): boolean;
}

/** The offsets of a known value, or why there can be none. */
export function findKnown(images: readonly Observation[], known: KnownValue): number[] | string {
  const seenWith = images.filter((seen) => known.value(seen) !== undefined);
  const values = new Set(seenWith.map(known.value));
  if (seenWith.length === 0) return 'no known value could be set';
  if (values.size < known.distinct) {
    return `${values.size} different values were set, and ${known.distinct} are needed`;
  }
  return offsetsWhere(seenWith, known.search, (seen, offset) =>
    known.fits(seen.image, offset, known.value(seen)!),
  );
}

/** Looks for a known value and decides on the field. */
export function solveKnown(findings: Findings, name: FieldName, known: KnownValue): void {
  const offsets = findKnown(findings.observations.images, known);
  if (typeof offsets === 'string') findings.miss(name, offsets);
  else findings.decide(name, offsets);
}
