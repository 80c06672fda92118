/**
 * What is known of peers by their addresses: groups of networks, countries, autonomous systems.
 *
 * @module @weir/server/naming
 */

export { DEFAULT_CLOUD_NAME } from './cloud-ranges.js';
export type { NamingConfig } from './naming-schema.js';
export type { PeerDetails } from './peer-directory.js';
export { type PeerLookup, readPeers } from './read-sources.js';
