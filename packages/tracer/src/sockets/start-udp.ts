/** Starts counting UDP in the best way that the running kernel offers. */
import { type Btf, type FeatureTable, UnknownFeatureError, UnsupportedError } from '@weir/ebpf';
import type { HookChoice } from '../report.js';
import { UdpCounter } from './udp-counter.js';
import { planUdp } from './udp-plan.js';
import { udpFacts } from './udp-programs.js';

export interface UdpStartOptions {
  readonly features?: FeatureTable;
  /** As in UdpCounterOptions. */
  readonly maxFlows?: number;
  readonly idleMs?: number;
}

/** @throws UnsupportedError where there is no way; UnknownFeatureError where that is not known; the errors of {@link UdpCounter}. */
export function startUdp(
  btf: Btf,
  options: UdpStartOptions = {},
): { readonly counter: UdpCounter; readonly choice: HookChoice } {
  const { choice, mechanism } = planUdp(udpFacts(btf, options.features));
  const hidden = choice.candidates.find(({ state }) => state === 'unknown');
  if (mechanism === undefined && hidden !== undefined) throw new UnknownFeatureError(hidden.name, hidden);
  if (mechanism === undefined) {
    const reasons = choice.candidates.map(({ name, reason }) => `${name}: ${reason}`).join('; ');
    throw new UnsupportedError('hook for UDP', undefined, reasons);
  }
  return { counter: new UdpCounter({ mechanism, btf, ...options }), choice };
}
