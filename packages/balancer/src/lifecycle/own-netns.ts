/** The network namespace of pinned attachments. The numbers by which they name devices mean others elsewhere. */
import { statSync } from 'node:fs';
import { EbpfError } from '@weir/ebpf';

/** What a saved state keeps of it. */
export interface SavedNetns {
  /** Undefined in states that earlier versions saved. */
  readonly netns?: string;
}

/** The network namespace of this thread. */
export function currentNetns(): string {
  const { dev, ino } = statSync('/proc/thread-self/ns/net');
  return `${dev}:${ino}`;
}

/** Whether a saved state, of any version, was saved in another network namespace than this thread's. */
export function isOfOtherNetns(state: string | undefined): boolean {
  const { netns } = JSON.parse(state ?? '{}') as SavedNetns;
  return netns !== undefined && netns !== currentNetns();
}

/** @throws EbpfError for programs that are attached in another network namespace. */
export function refuseOtherNetns(name: string, state: string | undefined): void {
  if (!isOfOtherNetns(state)) return;
  throw new EbpfError(
    `${name} is attached to devices of another network namespace: give what you start here another name, or detach ${name} first`,
  );
}
