/** The kernel that the balancer's programs need as a whole, whatever single features an older one has. */
import { type KernelVersion, kernelAtLeast, kernelVersion, UnsupportedError } from '@weir/ebpf';

/** The oldest mainline version that can load them. */
export const BALANCER_KERNEL = '5.10';

/** Whether a kernel can run the balancer. @param running Default: the running kernel. */
export function supportsBalancer(running: KernelVersion = kernelVersion()): boolean {
  return kernelAtLeast(BALANCER_KERNEL, running);
}

/**
 * Refuses an older kernel before anything is tried on it.
 *
 * @throws UnsupportedError
 */
export function requireBalancerKernel(running: KernelVersion = kernelVersion()): void {
  if (supportsBalancer(running)) return;
  const { major, minor, patch } = running;
  throw new UnsupportedError(
    'support for all that the balancer needs',
    BALANCER_KERNEL,
    `this is Linux ${major}.${minor}.${patch}`,
  );
}
