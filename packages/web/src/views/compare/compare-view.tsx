/** The view "compare". */
import type { VNode } from 'preact';

/** Shows it. */
export function CompareView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
