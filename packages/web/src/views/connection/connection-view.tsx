/** The view "connection". */
import type { VNode } from 'preact';

/** Shows it. */
export function ConnectionView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
