/** Starts counting UDP in the best way that the running kernel offers. */
import type { Btf, FeatureTable } from '@weir/ebpf';
import { noHook } from '../hooks/choose-hook.js';
import type { HookChoice } from '../report.js';
import { UdpCounter } from './udp-counter.js';
import { planUdp } from './udp-plan.js';
import { readUdpFeatures } from './udp-programs.js';

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
  const { choice, mechanism } = planUdp(readUdpFeatures(btf, options.features));
  if (mechanism === undefined) throw noHook('hook for UDP', choice.candidates);
  return { counter: new UdpCounter({ mechanism, btf, ...options }), choice };
}
