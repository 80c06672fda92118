/** What is known of a process's container and pod, as text. Any byte may occur in it: escape before showing it. */
import type { ProcessDetails } from '@weir/tracer/enrich';

/** `NAMESPACE/NAME` of a pod, else its uid; undefined if the process is in none. */
export function podText({ pod_name, pod_namespace, pod_uid }: ProcessDetails): string | undefined {
  if (pod_name === undefined) return pod_uid;
  return pod_namespace === undefined ? pod_name : `${pod_namespace}/${pod_name}`;
}

/** A container's runtime, name, and id, as far as these are known; undefined if the process is in none. */
export function containerText(details: ProcessDetails): string | undefined {
  const { container_id, container_name, container_runtime } = details;
  const parts = [container_runtime, container_name, container_id].filter((part) => part !== undefined);
  return container_id === undefined ? undefined : parts.join(' ');
}
