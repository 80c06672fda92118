/**
 * The service manager: notifications, and sockets by activation.
 *
 * @module @weir/server/systemd
 */

export { type InheritedSocket, inheritedSockets, listenVariables, storedDescriptors } from './listen-fds.js';
export { type ServiceEnvironment, ServiceNotifier } from './notify.js';
