/** What the hooks show of the host from where this process runs. */
import { hiddenProcesses, type PidNamespaceView, pidNamespaceView } from '../enrich/pid-namespace.js';
import type { HookChoice } from '../report.js';

const shown = {
  other: 'process ids are those of the host, not those that this pid namespace shows',
  unknown:
    'process ids are those of the host; whether this pid namespace shows the same is not known without /proc',
} as const;

/** The kernel's programs name processes by their ids in the initial pid namespace. */
export function describeView(
  choices: readonly HookChoice[],
  view: PidNamespaceView = pidNamespaceView(),
): readonly HookChoice[] {
  const [first, ...others] = choices;
  const hidden = hiddenProcesses(view);
  if (view === 'initial' || hidden === undefined || first === undefined) return choices;
  return [{ ...first, partial: { what: shown[view], advice: hidden.advice } }, ...others];
}
