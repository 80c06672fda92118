/** Which ends of connections count where several histories have ends of the same ones. Pure. */

/** Numbers of connections (`connection_id`) of which a history has ends, by side. */
export interface SideIds {
  /** Ends that connected. */
  readonly clients: readonly bigint[];
  /** Ends that accepted. */
  readonly servers: readonly bigint[];
}

/** No ends. */
export const noIds: SideIds = { clients: [], servers: [] };

/** Which ends of a history do not count, as another end of the same connection does. */
export interface UncountedEnds {
  /** Ends of which another history has the one that counts. */
  readonly elsewhere: SideIds;
  /** Ends that accepted and whose other end is in the same history. */
  readonly here: readonly bigint[];
}

/**
 * Chooses the end of each connection that counts: the one that connected, and where several histories have one of that side, that of
 * the first of them. All other ends are returned, history by history.
 */
export function countedOnce(histories: readonly SideIds[]): UncountedEnds[] {
  const owner = new Map<bigint, number>();
  for (const [index, { clients }] of histories.entries())
    for (const id of clients) if (!owner.has(id)) owner.set(id, index);
  const ownedByClient = new Set(owner.keys());
  for (const [index, { servers }] of histories.entries())
    for (const id of servers) if (!owner.has(id)) owner.set(id, index);
  return histories.map(({ clients, servers }, index) => ({
    elsewhere: {
      clients: clients.filter((id) => owner.get(id) !== index),
      servers: servers.filter((id) => owner.get(id) !== index),
    },
    here: servers.filter((id) => owner.get(id) === index && ownedByClient.has(id)),
  }));
}
