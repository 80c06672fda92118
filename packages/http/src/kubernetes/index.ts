/**
 * The API of a cluster of Kubernetes: lists, and watches.
 *
 * @module @weir/http/kubernetes
 */

export { accessOf, type KubernetesAccess } from './kubernetes-api.js';
export { type KubernetesObjects, KubernetesWatch, type KubernetesWatchOptions } from './kubernetes-watch.js';
