/**
 * The two processes of `weir serve`.
 *
 * @module @weir/server/serve
 */

export { readAddresses } from './addresses.js';
export { type CollectHost, type CollectRequest, collect } from './collect.js';
export { type ServePaths, servePaths } from './paths.js';
export { becomeServer, lockServerFiles } from './server-files.js';
export { runServer, type ServerHost } from './server-process.js';
