/** The view "failures". */
import type { VNode } from 'preact';

/** Shows it. */
export function FailuresView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
