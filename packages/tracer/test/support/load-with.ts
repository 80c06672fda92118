/** Loads what the tracer would load with types that lack some fields. */
import { type Btf, features } from '@weir/ebpf';
import type { DiscoveredField } from '../../src/discovery/index.js';
import { readKernelFeatures } from '../../src/hooks/kernel-features.js';
import { planHooks } from '../../src/hooks/plan.js';
import { TracerPrograms } from '../../src/hooks/programs.js';
import { UdpPrograms } from '../../src/sockets/udp-programs.js';
import { essentialFields } from '../../src/types/target.js';

/** As on a kernel without types of its own. */
export const typeless = features.without('kernel_btf');

/** The fields that programs can do without. */
export function optionalFields(fields: readonly DiscoveredField[]): DiscoveredField[] {
  return fields.filter(({ field }) => !essentialFields.includes(field));
}

/** @throws VerifierError */
export function loadWith(btf: Btf): void {
  const { plan } = planHooks(readKernelFeatures(btf, typeless));
  const options = { features: typeless, ringBytes: 1 << 17, maxConnections: 64 };
  new TracerPrograms(plan, btf, options)[Symbol.dispose]();
  // Hooks of functions need types of packets, which no discovery finds.
  new UdpPrograms({ mechanism: 'cgroup', btf, features: typeless, maxFlows: 64 })[Symbol.dispose]();
}
