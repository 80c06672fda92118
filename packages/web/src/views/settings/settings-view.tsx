/** The view "settings". */
import type { VNode } from 'preact';

/** Shows it. */
export function SettingsView(): VNode {
  return <p class="empty">This view is not there yet.</p>;
}
