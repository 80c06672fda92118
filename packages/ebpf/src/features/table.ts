/**
 * What the running kernel offers. Every entry is found by trying, once, when first asked for; a table can also be
 * told that features are missing, which makes everything built on it behave as on a kernel without them.
 */
import { UnsupportedError } from '../errors.js';
import { type Feature, type FeatureName, featureDefinitions } from './definitions.js';
import { hasHelper, hasMapType, hasProgramType } from './probe.js';

/** Answers found so far, shared by all tables: the kernel does not change under a running process. */
const answers = new Map<string, boolean>();

function remember(key: string, probe: () => boolean): boolean {
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = probe();
    answers.set(key, answer);
  }
  return answer;
}

/** A lazily probed table of kernel features. */
export class FeatureTable {
  readonly #forced: ReadonlyMap<FeatureName, boolean>;

  /** @param forced Features whose answers are given rather than probed. */
  constructor(forced: Iterable<readonly [FeatureName, boolean]> = []) {
    this.#forced = new Map(forced);
  }

  /** Whether the running kernel (or the one imitated) has it. */
  has(name: FeatureName): boolean {
    return this.#forced.get(name) ?? remember(name, featureDefinitions[name].probe);
  }

  /** @throws UnsupportedError when it is missing, naming the version that brought it. */
  require(name: FeatureName, advice?: string): void {
    if (this.has(name)) return;
    const { description, since } = featureDefinitions[name];
    throw new UnsupportedError(description, since, advice);
  }

  /** Whether maps of a BPF_MAP_TYPE_* number can be created. Not affected by forced answers. */
  hasMapType(type: number): boolean {
    return remember(`map type ${type}`, () => hasMapType(type));
  }

  /** Whether programs of a BPF_PROG_TYPE_* number can be loaded. Not affected by forced answers. */
  hasProgramType(type: number): boolean {
    return remember(`program type ${type}`, () => hasProgramType(type));
  }

  /** Whether programs of a type may call the helper with a BPF_FUNC_* number. Not affected by forced answers. */
  hasHelper(programType: number, helper: number): boolean {
    return remember(`helper ${helper} in program type ${programType}`, () => hasHelper(programType, helper));
  }

  /** Version, description and probe of one entry. */
  describe(name: FeatureName): Feature {
    return featureDefinitions[name];
  }

  /** All names, grouped as they are defined. */
  names(): readonly FeatureName[] {
    return Object.keys(featureDefinitions) as FeatureName[];
  }

  /** The same table with some features missing, whatever the kernel offers. */
  without(...names: readonly FeatureName[]): FeatureTable {
    return new FeatureTable([...this.#forced, ...names.map((name) => [name, false] as const)]);
  }

  /** The same table as of a mainline version such as `4.18`: everything that came later is missing. */
  asOf(version: string): FeatureTable {
    return this.without(...this.names().filter((name) => isLater(featureDefinitions[name].since, version)));
  }
}

function isLater(since: string, version: string): boolean {
  const [major = 0, minor = 0] = since.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = version.split('.').map(Number);
  return major > otherMajor || (major === otherMajor && minor > otherMinor);
}

/** The running kernel's features. */
export const features: FeatureTable = new FeatureTable();
