/** What the balancer's programs need of the kernel and of this process. */
import {
  EbpfError,
  type FeatureName,
  type FeatureTable,
  type KernelVersion,
  kernelAtLeast,
  features as kernelFeatures,
  kernelVersion,
  UnknownFeatureError,
  UnsupportedError,
  VerifierError,
} from '@weir/ebpf';
import {
  bpfDenial,
  type CapabilityName,
  type Obstacle,
  privilegeObstacle,
  type Situation,
  situation,
} from '@weir/ebpf/sys';
import { defaultPinRoot, requireBpffs } from '../lifecycle/pin-folder.js';

/** The oldest mainline version that can load them. Older kernels of distributions may have what it takes. */
export const BALANCER_KERNEL = '5.10';

/** Features without which the balancer does not work. */
export const balancerFeatures = [
  'bpf_calls',
  'global_data',
  'rdonly_prog',
  'map_freeze',
  'known_constants',
  'large_programs',
  'bounded_loops',
  'array_mmap',
  'jiffies64',
  'xdp_link',
] as const satisfies readonly FeatureName[];

/** Features without which probes in tunnels do not work. */
export const tunnelFeatures = ['global_data', 'known_constants'] as const satisfies readonly FeatureName[];

/** Features without which a decapsulator does not work. */
export const decapsulatorFeatures = [
  ...['bpf_calls', 'global_data', 'known_constants', 'xdp_link'],
] as const as readonly FeatureName[];

/** Features without which TCP server ids cannot be sent or returned. */
export const serverIdFeatures = [
  'global_data',
  'known_constants',
  'sk_storage',
  'cgroup_link',
] as const satisfies readonly FeatureName[];

/** The things of a host that decide; others than the running one's can be given to try them. */
export interface BalancerHost {
  readonly features: FeatureTable;
  readonly situation: Situation;
  readonly version: KernelVersion;
  /** The obstacle to bpf(2) as a whole. */
  denial(): Obstacle | undefined;
  /** @throws EbpfError where there is no BPF file system to pin to by default. */
  requirePlaceForPins(): void;
}

/** The running kernel, and this process. */
export function thisHost(): BalancerHost {
  return {
    features: kernelFeatures,
    situation,
    version: kernelVersion(),
    denial: bpfDenial,
    requirePlaceForPins: () => requireBpffs(defaultPinRoot),
  };
}

/**
 * Refuses before anything is changed, with the reason: privileges that this process lacks, or features that the kernel lacks.
 *
 * @throws EbpfError for privileges, UnsupportedError, UnknownFeatureError
 */
export function requireFeatures(needed: readonly FeatureName[], host: BalancerHost = thisHost()): void {
  const { features, version } = host;
  const obstacle = privilegeObstacle(neededCapabilities(host.situation), host.situation) ?? host.denial();
  if (obstacle !== undefined) throw obstacleError(obstacle);
  const answers = needed.map((name) => ({ ...features.describe(name), answer: features.probe(name) }));
  const absent = answers.filter(({ answer }) => answer.state === 'absent');
  if (absent.length > 0) throw unsupportedBy(version, `which lacks ${describeFeatures(absent)}`);
  for (const { description, answer } of answers)
    if (answer.state === 'unknown') throw new UnknownFeatureError(description, answer);
}

/** CAP_SYS_ADMIN serves in the place of the others, also of CAP_NET_ADMIN, where programs are loaded. */
function neededCapabilities({ effective }: Situation): readonly CapabilityName[] {
  const needed: CapabilityName[] = ['CAP_BPF', 'CAP_PERFMON'];
  return effective().has('CAP_SYS_ADMIN') ? needed : [...needed, 'CAP_NET_ADMIN'];
}

function obstacleError({ reason, advice }: Obstacle): EbpfError {
  const what = reason.replace(/^needs /, 'this process lacks ');
  return new EbpfError(`${what}${advice === undefined ? '' : `: ${advice}`}`);
}

interface Named {
  readonly description: string;
  readonly since: string;
}

/** `A (5.5), B (5.9)`. */
function describeFeatures(lacking: readonly Named[]): string {
  return lacking.map(({ description, since }) => `${description} (Linux ${since})`).join(', ');
}

/** The error for a kernel that is too old, or was built without something. */
function unsupportedBy(running: KernelVersion, why: string): UnsupportedError {
  const since = kernelAtLeast(BALANCER_KERNEL, running) ? undefined : BALANCER_KERNEL;
  const { major, minor, patch } = running;
  const here = `this is Linux ${major}.${minor}.${patch}, ${why}`;
  return new UnsupportedError('support for all that the balancer needs', since, here);
}

/** Loads programs; where an older kernel's verifier does not follow them, the error says that it is the kernel's age. */
export function loadOnOlder<T>(load: () => T, running: KernelVersion = kernelVersion()): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof VerifierError) || kernelAtLeast(BALANCER_KERNEL, running)) throw error;
    throw unsupportedBy(running, `whose verifier does not follow the program: ${error.message}`);
  }
}
