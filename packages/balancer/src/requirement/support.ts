/** Whether the balancer would work here, for reports. */
import { EbpfError, kernelAtLeast, UnknownFeatureError } from '@weir/ebpf';
import { Balancer } from '../balancer.js';
import {
  BALANCER_KERNEL,
  type BalancerHost,
  balancerFeatures,
  requireFeatures,
  thisHost,
} from './requirement.js';

/** Whether the balancer works here. */
export interface BalancerSupport {
  /** The oldest mainline Linux that it works on. */
  readonly since: string;
  /** Whether it works here and now. */
  readonly ok: boolean;
  /** Why it does not, in one line. */
  readonly reason?: string;
  /** It is not known whether it would; `reason` says what is in the way. */
  readonly unknown?: true;
}

/**
 * Finds out whether the balancer's programs work on this kernel, in this process. On kernels before 5.10 they are loaded
 * without a device, and unloaded again. Nothing is changed.
 *
 * @param host Default: the running one.
 * @param tryToLoad Loads them.
 */
export function balancerSupport(
  host: BalancerHost = thisHost(),
  tryToLoad: () => void = loadForAMoment,
): BalancerSupport {
  try {
    requireFeatures(balancerFeatures, host);
    if (!kernelAtLeast(BALANCER_KERNEL, host.version)) tryToLoad();
    host.requirePlaceForPins();
    return { since: BALANCER_KERNEL, ok: true };
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
    const reason = error.message.split('\n', 1)[0]!.replace(/:$/, '');
    return {
      since: BALANCER_KERNEL,
      ok: false,
      reason,
      ...(error instanceof UnknownFeatureError && { unknown: true }),
    };
  }
}

function loadForAMoment(): void {
  const options = { flows: 1, fallbackFlows: 1024, routerMac: '02:00:00:00:00:01' };
  Balancer.open(options)[Symbol.dispose]();
}
