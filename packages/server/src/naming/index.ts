/**
 * What is known of peers by their addresses: groups of networks, countries, autonomous systems.
 *
 * @module @weir/server/naming
 */

export { DEFAULT_CLOUD_NAME } from './cloud-ranges.js';
export type { GeoDetails } from './geo-database.js';
export type { NamingConfig } from './naming-schema.js';
export { type PeerDetails, PeerDirectory, type PeerSources } from './peer-directory.js';
export { readPeers } from './read-sources.js';
