/** The answer of a probe: the kernel has a feature, lacks it, or does not let this process find out. */
import type { CapabilityName } from '../sys/capabilities.js';

/** A probe's answer in one word; `unknown` means that this process could not find out. */
export type FeatureState = 'present' | 'absent' | 'unknown';

/** A feature that could not be asked about. The kernel may have it. */
export interface UnknownFeature {
  readonly state: 'unknown';
  /** The obstacle: `needs CAP_BPF and CAP_PERFMON`, `EMFILE: too many open files`. */
  readonly reason: string;
  /** Advice, where there is some. */
  readonly advice?: string;
  /** The capabilities that the question takes and this process lacks. */
  readonly missing: readonly CapabilityName[];
  /** The obstacle may be gone at the next question: too little memory, too many open files, a signal. */
  readonly transient: boolean;
}

/** A probe's answer, with the reason where it is unknown. */
export type ProbeResult = { readonly state: 'present' } | { readonly state: 'absent' } | UnknownFeature;

/** The answer that the kernel has a feature. */
export const present: ProbeResult = { state: 'present' };
/** The answer that the kernel lacks a feature. */
export const absent: ProbeResult = { state: 'absent' };

/** A certain answer. */
export function known(isPresent: boolean): ProbeResult {
  return isPresent ? present : absent;
}

/** An answer that could not be had. */
export function unknown(
  reason: string,
  more: Partial<Pick<UnknownFeature, 'advice' | 'missing' | 'transient'>> = {},
): UnknownFeature {
  return { state: 'unknown', reason, missing: [], transient: false, ...more };
}

/** The first answer that is not `present`, as of parts that are all needed; asked one after the other. */
export function allOf(...parts: readonly (() => ProbeResult)[]): ProbeResult {
  for (const part of parts) {
    const result = part();
    if (result.state !== 'present') return result;
  }
  return present;
}

/** `present` if one of several ways is, `absent` if none can be; asked one after the other. */
export function anyOf(...ways: readonly (() => ProbeResult)[]): ProbeResult {
  let answer: ProbeResult = absent;
  for (const way of ways) {
    const result = way();
    if (result.state === 'present') return result;
    if (result.state === 'unknown' && answer.state === 'absent') answer = result;
  }
  return answer;
}
