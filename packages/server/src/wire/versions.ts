/** Whether a collector and a server of different versions understand each other. Pure. */
import type { Messages } from './messages.js';

/** The oldest and the newest protocol that this code speaks. */
export const PROTOCOLS: readonly [least: number, most: number] = [1, 2];

/** What one side speaks. */
export interface Versions {
  readonly protocols: readonly [least: number, most: number];
  /** Version of Weir, for messages. */
  readonly version: string;
  /** Version of the history's tables. */
  readonly schema: number;
}

/** The newest protocol that both speak, or why there is none. */
export type Agreement = { readonly protocol: number } | { readonly refusal: string };

/**
 * Agrees on a protocol. A server stores rows of an older schema; those of a newer one have columns that it would lose, so it refuses
 * them, and the collector keeps them.
 */
export function agree(server: Versions, collector: Messages['hello']): Agreement {
  const least = Math.max(server.protocols[0], collector.protocols[0]);
  const most = Math.min(server.protocols[1], collector.protocols[1]);
  const both = `the collector is Weir ${collector.version}, the server Weir ${server.version}`;
  if (collector.schema > server.schema) {
    const schemas = `writes version ${collector.schema} of the history, the server knows ${server.schema} at most`;
    return { refusal: `${both}: the collector ${schemas}; restart the server with the newer Weir` };
  }
  if (least <= most) return { protocol: most };
  const older = collector.protocols[1] < server.protocols[0] ? 'collector' : 'server';
  return {
    refusal: `${both}: they have no protocol in common; restart the ${older} with the newer Weir`,
  };
}
