/**
 * The features of the running kernel. Every entry is found by trying, once, when first asked for; a table can
 * also be made without some features, which makes everything built on it behave as on a kernel without them.
 */
import { UnknownFeatureError, UnsupportedError } from '../errors.js';
import { kernelVersion } from '../sys/kernel-version.js';
import { reasonOfAbsence } from './build-options.js';
import { kernelConfig } from './config.js';
import { type Feature, type FeatureName, featureDefinitions } from './definitions.js';
import { probeHelper, probeMapType, probeProgramType } from './probe.js';
import { unsupported } from './since.js';
import { known, type ProbeResult } from './state.js';

/** Certain answers found so far, shared by all tables: the kernel does not change under a running process. */
const answers = new Map<string, ProbeResult>();

/** Asks once. What could not be found out is asked again the next time, for privileges and resources change. */
function remember(key: string, probe: () => ProbeResult): ProbeResult {
  const answer = answers.get(key) ?? probe();
  if (answer.state !== 'unknown') answers.set(key, answer);
  return answer;
}

/** A lazily probed table of kernel features. */
export class FeatureTable {
  readonly #forced: ReadonlyMap<FeatureName, ProbeResult>;

  /**
   * Makes a table that probes each feature when first asked about it.
   *
   * @param forced Features whose answers are given rather than probed.
   */
  constructor(forced: Iterable<readonly [FeatureName, boolean | ProbeResult]> = []) {
    this.#forced = new Map(
      [...forced].map(([name, answer]) => [name, typeof answer === 'boolean' ? known(answer) : answer]),
    );
  }

  /** Whether the running kernel (or the one imitated) has it; `unknown`, and why, if this process cannot find out. */
  probe(name: FeatureName): ProbeResult {
    return this.#forced.get(name) ?? remember(name, featureDefinitions[name].probe);
  }

  /** Whether the kernel is known to have it. False does not say that the kernel lacks it: see {@link probe}. */
  has(name: FeatureName): boolean {
    return this.probe(name).state === 'present';
  }

  /**
   * Whether the kernel has it, for code that goes another way where it does not.
   * @throws UnknownFeatureError where that cannot be found out.
   */
  decide(name: FeatureName): boolean {
    const answer = this.probe(name);
    if (answer.state !== 'unknown') return answer.state === 'present';
    throw new UnknownFeatureError(featureDefinitions[name].description, answer);
  }

  /**
   * Requires a feature.
   *
   * @param advice Ends the error's message.
   * @throws UnsupportedError when it is missing, naming the version that brought it; UnknownFeatureError when
   * that cannot be found out, naming what is in the way.
   */
  require(name: FeatureName, advice?: string): void {
    if (this.decide(name)) return;
    const { description, since } = featureDefinitions[name];
    // An answer that was given, as of an older version, is about no build option.
    throw this.#forced.has(name)
      ? new UnsupportedError(description, since, advice)
      : unsupported(description, since, advice);
  }

  /** Whether maps of a BPF_MAP_TYPE_* number can be created. Not affected by forced answers. */
  probeMapType(type: number): ProbeResult {
    return remember(`map type ${type}`, () => probeMapType(type));
  }

  /** Whether programs of a BPF_PROG_TYPE_* number can be loaded. Not affected by forced answers. */
  probeProgramType(type: number): ProbeResult {
    return remember(`program type ${type}`, () => probeProgramType(type));
  }

  /** Whether programs of a type may call the helper with a BPF_FUNC_* number. Not affected by forced answers. */
  probeHelper(programType: number, helper: number): ProbeResult {
    return remember(`helper ${helper} in program type ${programType}`, () =>
      probeHelper(programType, helper),
    );
  }

  /** Whether {@link probeMapType} is `present`. */
  hasMapType(type: number): boolean {
    return this.probeMapType(type).state === 'present';
  }

  /** Whether {@link probeProgramType} is `present`. */
  hasProgramType(type: number): boolean {
    return this.probeProgramType(type).state === 'present';
  }

  /** Whether {@link probeHelper} is `present`. */
  hasHelper(programType: number, helper: number): boolean {
    return this.probeHelper(programType, helper).state === 'present';
  }

  /** Version, description and probe of one entry. */
  describe(name: FeatureName): Feature {
    return featureDefinitions[name];
  }

  /**
   * Why the running kernel lacks a feature though its version has it, in a few words: the options that it was built or started
   * without. Undefined where it is not known to lack it, is older, or nothing more is known. Forced answers have no reason.
   */
  reasonOfAbsence(name: FeatureName): string | undefined {
    if (this.#forced.has(name) || this.probe(name).state !== 'absent') return undefined;
    const kernel = { version: kernelVersion(), machine: process.arch, config: kernelConfig() };
    return reasonOfAbsence(name, featureDefinitions[name].since, kernel);
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
