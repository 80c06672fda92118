/**
 * Finds a process's container, pod and systemd unit in the path of its control group. Pure.
 *
 * No other record of the processes in a container is common to all runtimes, so every tool relies on this path. A process
 * that may create cgroups may also choose their names, so a path is a hint, not a proof.
 */

/** Details from the path of a cgroup. Details that the path does not contain are absent. */
export interface CgroupEnrichment {
  /** As the runtime names it: 64 hexadecimal digits for most; a name for LXC and systemd-nspawn. */
  readonly container_id?: string;
  /** `docker`, `containerd`, `cri-o`, `podman`, `buildkit`, `lxc`, `systemd-nspawn`. */
  readonly container_runtime?: string;
  /** Kubernetes' uid of the pod, with dashes; of a static pod, 32 hexadecimal digits. */
  readonly pod_uid?: string;
  /** The innermost systemd service or scope, unless it is merely the container's own scope. */
  readonly unit?: string;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Before the id: `docker-ID.scope`, `…-podUID.slice:cri-containerd:ID`, `crio-ID`, or nothing. */
const containerSegment = /^(?:(.*)[-:])?([0-9a-f]{64})(?:\.scope)?$/;
/** AWS Fargate's: the task's id, a dash, a number. */
const fargateSegment = /^[0-9a-f]{32}-\d{1,20}$/;
const podSegment =
  /(?:^|-)pod([0-9a-f]{32}|[0-9a-f]{8}([-_])[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{4}\2[0-9a-f]{12})(?:\.slice)?(?::|$)/;

/** Prefixes that runtimes put before the id. */
const runtimeOfPrefix: ReadonlyMap<string, string> = new Map([
  ['docker', 'docker'],
  ['cri-dockerd', 'docker'],
  ['cri-containerd', 'containerd'],
  ['containerd', 'containerd'],
  ['nerdctl', 'containerd'],
  ['crio', 'cri-o'],
  ['libpod', 'podman'],
  ['libpod-payload', 'podman'],
  ['podman', 'podman'],
]);

/** The cgroup that runtimes put bare ids into: Docker's parent, and containerd's namespaces. */
const runtimeOfParent: ReadonlyMap<string, string> = new Map([
  ['docker', 'docker'],
  ['actions_job', 'docker'],
  ['ecs', 'docker'],
  ['moby', 'docker'],
  ['k8s.io', 'containerd'],
  ['default', 'containerd'],
  ['libpod_parent', 'podman'],
  ['buildkit', 'buildkit'],
]);

/**
 * Reads /proc/PID/cgroup, of cgroup v1, v2 or both at once.
 *
 * The hierarchies of v1 need not agree: a container runtime may use only some of them, so each path is looked at and the
 * first that names a container counts; units are systemd's, which keeps to `name=systemd` or v2.
 */
export function parseCgroups(text: string): CgroupEnrichment {
  const enrichment: Writable<CgroupEnrichment> = {};
  let unitPath: string | undefined;
  let unitRank = 0;
  let podUid: string | undefined;
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    // hierarchy-ID:controller-list:path, where the path may have colons of its own.
    const first = line.indexOf(':');
    const second = line.indexOf(':', first + 1);
    if (first < 0 || second < 0) continue;
    const controllers = line.slice(first + 1, second);
    const path = line.slice(second + 1).replace(/ \(deleted\)$/, '');
    const rank = controllers === 'name=systemd' ? 3 : controllers === '' ? 2 : 1;
    if (rank > unitRank && path !== '/') {
      unitPath = path;
      unitRank = rank;
    }
    if (seen.has(path)) continue;
    seen.add(path);
    const segments = path.split('/').filter((segment) => segment !== '');
    if (enrichment.container_id === undefined) Object.assign(enrichment, findContainer(segments));
    podUid ??= findPod(segments);
  }
  const unit = unitPath === undefined ? undefined : findUnit(unitPath.split('/'));
  if (podUid !== undefined) enrichment.pod_uid = podUid;
  if (unit !== undefined) enrichment.unit = unit;
  return enrichment;
}

/** The innermost container: a path has several where containers run in containers. */
function findContainer(
  segments: readonly string[],
): Pick<CgroupEnrichment, 'container_id' | 'container_runtime'> | undefined {
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!;
    const parent = segments[index - 1];
    const found = containerOfSegment(segment, parent) ?? namedContainer(segment, parent, segments[index - 2]);
    if (found !== undefined) return found;
    // The process that watches a container is not in it, though it may be in a container that all this is in.
    if (isMonitor(segment, parent)) return undefined;
  }
  return undefined;
}

/** systemd-nspawn's cgroup, as a service or begun from a shell: the container is in its `payload`. */
const nspawnSegment = /^(?:systemd-nspawn@(.+)\.service|machine-(.+)\.scope)$/;

/** conmon watches containers of podman and CRI-O; LXC and systemd-nspawn have monitors of their own. */
function isMonitor(segment: string, parent = ''): boolean {
  if (segment === 'supervisor' && nspawnSegment.test(parent)) return true;
  return /(?:^|-)conmon-/.test(segment) || segment.startsWith('lxc.monitor');
}

function containerOfSegment(
  segment: string,
  parent: string | undefined,
): Pick<CgroupEnrichment, 'container_id' | 'container_runtime'> | undefined {
  const match = containerSegment.exec(segment);
  if (match === null || isMonitor(segment)) return undefined;
  const [, before, id] = match;
  // `kubepods-besteffort-podUID.slice:cri-containerd:ID`: containerd with the wrong cgroup driver configured.
  const prefix = before?.slice(before.lastIndexOf(':') + 1);
  const runtime =
    prefix === undefined
      ? parent === undefined
        ? undefined
        : runtimeOfParent.get(parent)
      : runtimeOfPrefix.get(prefix);
  return { container_id: id!, ...(runtime !== undefined && { container_runtime: runtime }) };
}

/** Containers whose cgroup is not named by 64 digits. */
function namedContainer(
  segment: string,
  parent: string | undefined,
  grandparent: string | undefined,
): Pick<CgroupEnrichment, 'container_id' | 'container_runtime'> | undefined {
  if (parent === 'buildkit' && /^[0-9a-z]{25}$/.test(segment)) {
    return { container_id: segment, container_runtime: 'buildkit' };
  }
  if (fargateSegment.test(segment) && (parent === 'ecs' || grandparent === 'ecs')) {
    return { container_id: segment, container_runtime: 'docker' };
  }
  const lxc =
    parent === 'lxc' || parent === 'lxc.payload' ? segment : /^lxc\.payload[./](.+)$/.exec(segment)?.[1];
  if (lxc !== undefined) return { container_id: lxc, container_runtime: 'lxc' };
  // Scopes of this name can be virtual machines, too, which have no payload.
  const scope = segment === 'payload' ? nspawnSegment.exec(parent ?? '')?.[2] : undefined;
  const nspawn = scope ?? nspawnSegment.exec(segment)?.[1];
  if (nspawn !== undefined) {
    return { container_id: unescapeUnit(nspawn), container_runtime: 'systemd-nspawn' };
  }
  return undefined;
}

function findPod(segments: readonly string[]): string | undefined {
  for (let index = segments.length - 1; index >= 0; index--) {
    const uid = podSegment.exec(segments[index]!)?.[1];
    // systemd's slices are nested by dashes, so the uid's are written as underscores there.
    if (uid !== undefined) return uid.replaceAll('_', '-');
  }
  return undefined;
}

function findUnit(segments: readonly string[]): string | undefined {
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]!;
    if (containerSegment.test(segment)) return undefined;
    const isOwnScope = segments[index + 1] === 'payload' && nspawnSegment.exec(segment)?.[2] !== undefined;
    if (isOwnScope) return undefined;
    if (/.\.(?:service|scope)$/.test(segment)) return segment;
  }
  return undefined;
}

/** systemd writes bytes that a unit's name can't have as `\x2d`. */
function unescapeUnit(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
