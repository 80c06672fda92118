/** The view "map". */
import type { VNode } from 'preact';

/** Shows it. */
export function MapView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
