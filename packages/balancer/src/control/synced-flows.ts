/** The sharing of flows that a configuration asks for. */
import type { Config } from '../config/schema.js';
import { FlowSync } from '../sync/flow-sync.js';
import { readSyncKeys } from '../sync/sync-key.js';
import type { SyncedBalancer } from '../sync/sync-options.js';

/** The keys; none without `sync`. @throws EbpfError for a key file that others may read; Error of the system */
export function syncKeys({ sync }: Config): readonly Buffer[] {
  return sync === undefined ? [] : readSyncKeys(sync.keyFile);
}

/** Starts it; returns undefined without `sync`. @throws Error of the system if it cannot listen, or join the group */
export async function startSync(
  { sync }: Config,
  keys: readonly Buffer[],
  balancer: SyncedBalancer,
  log: (line: string) => void,
): Promise<FlowSync | undefined> {
  if (sync === undefined) return undefined;
  const { listen, multicast, refresh, rate, mtu } = sync;
  return await FlowSync.start(balancer, {
    ...{ listen, refresh, rate, mtu, log },
    peers: multicast === undefined ? sync.peers! : [{ host: multicast.group, port: listen.port }],
    ...(multicast !== undefined && { multicast }),
    keys,
  });
}
