/** The view "balancer". */
import type { VNode } from 'preact';

/** Shows it. */
export function BalancerView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
