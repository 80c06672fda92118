/** One hook of several: the best that the kernel is known to have and this process may use. */
import {
  type EbpfError,
  type ProbeResult,
  type UnknownFeature,
  UnknownFeatureError,
  UnsupportedError,
} from '@weir/ebpf';
import { present } from '@weir/ebpf/sys';
import type { HookCandidate, HookChoice } from '../report.js';

/** Words for the two certain answers. */
interface Reasons {
  readonly present: string;
  readonly absent: string;
}

export function hookCandidate(name: string, answer: ProbeResult, reasons: Reasons): HookCandidate {
  if (answer.state !== 'unknown') return { name, state: answer.state, reason: reasons[answer.state] };
  return { ...describeUnknown(name, answer), ...(answer.transient && { transient: true }) };
}

/** The report of something unknown. */
export function describeUnknown(name: string, { state, reason, missing, advice }: UnknownFeature) {
  return {
    name,
    state,
    reason,
    ...(missing.length > 0 && { missing }),
    ...(advice !== undefined && { advice }),
  };
}

/** Why no hook is chosen. */
export type Undecided = Pick<HookCandidate, 'name' | 'reason' | 'advice'>;

interface Choice {
  readonly chosen?: HookCandidate;
  readonly undecided?: Undecided;
}

/**
 * The first candidate that is present. One that this process may not use is stepped over; one that may be there at the
 * next try keeps the question open.
 * @param tracing Whether this process may trace at all. If that is unknown, so is what it would use if it might.
 */
export function chooseHook(candidates: readonly HookCandidate[], tracing: ProbeResult = present): Choice {
  for (const candidate of candidates) {
    if (candidate.state === 'present') return { chosen: candidate };
    if (candidate.state === 'absent') continue;
    if (tracing.state === 'unknown') return { undecided: { ...tracing, name: candidate.name } };
    if (candidate.transient === true) return { undecided: candidate };
  }
  return {};
}

/** The error where none is chosen, with all reasons: the kernel has none, or that is not known. */
export function noHook(purpose: string, candidates: readonly HookCandidate[]): EbpfError {
  const reason = candidates.map((candidate) => `${candidate.name}: ${candidate.reason}`).join('; ');
  const hidden = candidates.filter(({ state }) => state === 'unknown');
  if (hidden.length === 0) return new UnsupportedError(purpose, undefined, reason);
  // Several obstacles may be there; the advice is about one that can be removed.
  const advice = hidden.find((candidate) => candidate.advice !== undefined)?.advice;
  return new UnknownFeatureError(`a ${purpose}`, { reason, ...(advice !== undefined && { advice }) });
}

/**
 * The choice for the report.
 * @param consequence The loss that comes with another than the best.
 */
export function hookChoice(
  purpose: string,
  candidates: readonly HookCandidate[],
  { chosen, undecided }: Choice,
  consequence?: string,
): HookChoice {
  if (undecided !== undefined) return { purpose, candidates, undecided: undecided.reason };
  const best = chosen !== undefined && chosen === candidates[0];
  return {
    purpose,
    candidates,
    ...(chosen !== undefined && { chosen: chosen.name }),
    ...(!best && consequence !== undefined && { consequence }),
  };
}
