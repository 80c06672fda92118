/** Names of a container and its pod, out of what runtimes write about them. Pure: what they write is not trusted. */

/** Names of a container. Names that are not known are absent. Whoever starts a container chooses them: escape before showing. */
export interface ContainerNameDetails {
  /** As its runtime, or its pod, calls it. */
  readonly container_name?: string;
  readonly pod_name?: string;
  /** Kubernetes' namespace of the pod. */
  readonly pod_namespace?: string;
}

/** Kubernetes allows 253 characters, Docker and Podman do not say. */
const MAX_NAME = 256;

type Record = Readonly<{ [key: string]: unknown }>;

function record(value: unknown): Record {
  return typeof value === 'object' && value !== null ? (value as Record) : {};
}

function name(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= MAX_NAME ? value : undefined;
}

function parse(text: string): Record {
  try {
    return record(JSON.parse(text));
  } catch {
    return {};
  }
}

/** Without what is not known; undefined if nothing is. */
function named(
  container: string | undefined,
  pod?: string | undefined,
  namespace?: string | undefined,
): ContainerNameDetails | undefined {
  if (container === undefined && pod === undefined && namespace === undefined) return undefined;
  return {
    ...(container !== undefined && { container_name: container }),
    ...(pod !== undefined && { pod_name: pod }),
    ...(namespace !== undefined && { pod_namespace: namespace }),
  };
}

/** Docker's `config.v2.json`, and the answer of its API to GET /containers/ID/json: both have `Name` and `Config.Labels`. */
export function namesFromDocker(text: string): ContainerNameDetails | undefined {
  const content = parse(text);
  const labels = record(record(content.Config).Labels);
  const own = name(content.Name)?.replace(/^\//, '');
  return named(
    name(labels['io.kubernetes.container.name']) ?? own,
    name(labels['io.kubernetes.pod.name']),
    name(labels['io.kubernetes.pod.namespace']),
  );
}

/** The `config.json` of an OCI bundle, with the annotations of containerd's CRI, of CRI-O, or of nerdctl. */
export function namesFromBundle(text: string): ContainerNameDetails | undefined {
  const notes = record(parse(text).annotations);
  return named(
    name(notes['io.kubernetes.cri.container-name']) ??
      name(notes['io.kubernetes.container.name']) ??
      name(notes['nerdctl/name']),
    name(notes['io.kubernetes.cri.sandbox-name']) ?? name(notes['io.kubernetes.pod.name']),
    name(notes['io.kubernetes.cri.sandbox-namespace']) ?? name(notes['io.kubernetes.pod.namespace']),
  );
}

/** The list of containers that Podman and CRI-O keep, by id. */
export function namesFromStorage(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return found;
  }
  if (!Array.isArray(content)) return found;
  for (const item of content) {
    const { id, names } = record(item);
    const first = Array.isArray(names) ? name(names[0]) : undefined;
    if (typeof id === 'string' && first !== undefined) found.set(id, first);
  }
  return found;
}

/** A folder in /var/log/pods: `NAMESPACE_NAME_UID`. None of the three can hold an underscore. */
export function podFromFolder(folder: string): { uid: string; names: ContainerNameDetails } | undefined {
  const [namespace, pod, uid, ...more] = folder.split('_');
  if (!namespace || !pod || !uid || more.length > 0) return undefined;
  const names = named(undefined, name(pod), name(namespace));
  return names && { uid, names };
}

/** A file in /var/log/containers: `POD_NAMESPACE_CONTAINER-ID.log`. */
export function containerFromLog(file: string): { id: string; names: ContainerNameDetails } | undefined {
  const match = /^([^_]+)_([^_]+)_([^_]+)-([0-9a-f]{64})\.log$/.exec(file);
  if (match === null) return undefined;
  const [, pod, namespace, container, id] = match;
  const names = named(name(container), name(pod), name(namespace));
  return names && { id: id!, names };
}

/** Names that one source knows, and behind them those that only another one does. */
export function joinNames(
  first: ContainerNameDetails | undefined,
  second: ContainerNameDetails | undefined,
): ContainerNameDetails | undefined {
  return first === undefined ? second : { ...second, ...first };
}
