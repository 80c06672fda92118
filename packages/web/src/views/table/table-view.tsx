/** The view "table". */
import type { VNode } from 'preact';

/** Shows it. */
export function TableView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
