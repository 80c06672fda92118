/**
 * What asks the balancers of this host, without what runs one.
 *
 * @module @weir/balancer/running
 */
import { defaultPinRoot, PinFolder } from '../lifecycle/pin-folder.js';
import { socketNames } from './paths.js';

export { ControlClient, NotRunningError } from './client.js';
export { RequestError } from './names.js';
export { defaultSocket } from './paths.js';
export type { Calls } from './protocol.js';
export type { Status, VipRealStatus, VipStatus } from './status-report.js';

/**
 * Names of the balancers of this host, sorted: those with a control socket in /run/weir, and those whose programs are pinned, with or
 * without a process. What may not be read has none.
 */
export function balancerNames(): string[] {
  return [...new Set([...socketNames(), ...pinnedNames()])].sort();
}

function pinnedNames(): string[] {
  try {
    return PinFolder.names(defaultPinRoot);
  } catch {
    return [];
  }
}
