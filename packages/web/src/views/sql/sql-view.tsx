/** The view "sql". */
import type { VNode } from 'preact';

/** Shows it. */
export function SqlView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
