/** Who asks, what is kept, and how Weir itself is. */
import type { VNode } from 'preact';
import { useAnswer } from '../../api/use-answer.js';
import { pageRange } from '../../state/page-range.js';
import { HealthPanel, HooksPanel, HostsPanel, LossesPanel, StoragePanel } from './server-panels.js';
import { BrowserPanel, TokensPanel, YouPanel } from './user-panels.js';

/** Shows it. */
export function SettingsView(): VNode {
  const version = pageRange.value?.text;
  const status = useAnswer('status', {}, version);
  const server = useAnswer('server', {}, version);
  const hosts = useAnswer('hosts', {});
  return (
    <div class="settings">
      <HealthPanel status={status} server={server} />
      <StoragePanel server={server} />
      <YouPanel status={status} />
      <LossesPanel />
      <HostsPanel hosts={hosts} />
      <TokensPanel role={status.answer?.you.role} />
      <BrowserPanel />
      <HooksPanel server={server} />
    </div>
  );
}
