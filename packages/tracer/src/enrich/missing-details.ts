/** Which details of processes cannot be read here. */
import { closeSync, openSync } from 'node:fs';
import { type CapabilityName, effectiveCapabilities, missingCapabilities } from '@weir/ebpf/sys';
import { hiddenProcesses, type PidNamespaceView, pidNamespaceView } from './pid-namespace.js';

/** What decides about it. */
export interface DetailsView {
  readonly pidNamespace: PidNamespaceView;
  readonly effective: ReadonlySet<CapabilityName>;
  /** Whether procfs shows nothing of other users' processes: its mount option `hidepid`. */
  readonly hidesOthers: () => boolean;
}

const RUN_AS_ROOT = 'run it as root, or give it the capability';

/** One line about what is missing and what to do; undefined where all can be read. */
export function missingDetails(view: DetailsView = ownView()): string | undefined {
  const { pidNamespace, effective, hidesOthers } = view;
  const hidden = hiddenProcesses(pidNamespace);
  if (hidden !== undefined) return `no details of processes: ${hidden.reason}; ${hidden.advice}`;
  if (missingCapabilities(['CAP_SYS_PTRACE'], effective).length === 0) return undefined;
  return hidesOthers()
    ? `no details of other users' processes: /proc is mounted with hidepid, and this process lacks CAP_SYS_PTRACE; ${RUN_AS_ROOT}`
    : `no executables of other users' processes: this process lacks CAP_SYS_PTRACE; ${RUN_AS_ROOT}`;
}

function ownView(): DetailsView {
  return {
    pidNamespace: pidNamespaceView(),
    effective: effectiveCapabilities(),
    hidesOthers: () => !isReadable('/proc/1/cmdline'),
  };
}

/** Anybody may read the command line of a process, unless `hidepid` forbids it. */
function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, 'r'));
    return true;
  } catch {
    return false;
  }
}
