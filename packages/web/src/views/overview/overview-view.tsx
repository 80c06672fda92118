/** The view "overview". */
import type { VNode } from 'preact';

/** Shows it. */
export function OverviewView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
