/** What the hooks show of the host from where this process runs. */
import { inInitialPidNamespace } from '../enrich/pid-namespace.js';
import type { HookChoice } from '../report.js';

const hostPids = {
  what: 'process ids are those of the host, not those that this pid namespace shows',
  advice: 'run it in the pid namespace of the host, as docker run --pid=host does',
};

/**
 * The kernel's programs name processes by their ids in the initial pid namespace.
 *
 * @param isHost Whether this process is in it.
 */
export function describeView(
  choices: readonly HookChoice[],
  isHost: boolean = inInitialPidNamespace(),
): readonly HookChoice[] {
  const [first, ...others] = choices;
  if (isHost || first === undefined) return choices;
  return [{ ...first, partial: hostPids }, ...others];
}
