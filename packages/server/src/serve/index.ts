/**
 * The two processes of `weir serve`, without what only the server needs: that is loaded where it runs.
 *
 * @module @weir/server/serve
 */

export type { Resumable, ResumableTracer, ResumeTracer } from '../handover/handover.js';
export {
  type InheritedSocket,
  inheritedSockets,
  listenVariables,
  type ServiceEnvironment,
  ServiceNotifier,
  storedDescriptors,
} from '../systemd/index.js';
export { readAddresses } from './addresses.js';
export { type CollectHost, type CollectRequest, collect } from './collect.js';
export { type ServePaths, servePaths } from './paths.js';
export { publishedApi, requireOwnServer } from './published-api.js';
export { type ReadHost, type ReadRequest, runReadServer } from './read-process.js';
export { ServerRefusedError } from './server-child.js';
export { type BecomeServerOptions, becomeServer, lockServerFiles } from './server-files.js';
export { runServer, type ServerHost } from './server-process.js';
