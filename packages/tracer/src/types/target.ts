/** Which types the programs are relocated against, and where these come from. */
import { type Btf, type FeatureTable, kernelBtf, UnsupportedError } from '@weir/ebpf';
import { loadCachedFields, storeFields } from '../discovery/cache.js';
import { type DiscoveredField, type Discovery, discover, type MissingField } from '../discovery/index.js';
import { toBtf } from '../discovery/types.js';
import { findMismatch } from './verify.js';

/** Where types come from: the kernel itself, a file, an earlier discovery, or one made now. */
export type TypeSource = 'kernel' | 'file' | 'cache' | 'discovery';

/** Where the kernel's types come from, and why. */
export interface TypeChoice {
  readonly source: TypeSource;
  /** What was wrong with types that were to be used, and were not. */
  readonly rejected?: string;
}

export interface TargetTypes extends TypeChoice {
  readonly btf: Btf;
  /** What was discovered, now or earlier. */
  readonly fields?: readonly DiscoveredField[];
  /** What a discovery that was made now did not find. */
  readonly missing?: readonly MissingField[];
}

/** Without these no connection can be told from another. */
const essential = [
  'skc_daddr',
  'skc_rcv_saddr',
  'skc_dport',
  'skc_num',
  'skc_family',
  'skc_state',
  'skc_net',
  'inum',
  'inet_sport',
  'sk_err',
];

/**
 * The kernel's own types, else those of an earlier discovery on this kernel, else discovers them. All but the kernel's
 * own are tried on connections of which everything is known before they are used.
 *
 * @param wanted Types to use instead, if they prove to be this kernel's; `discover` insists on a discovery.
 * @throws UnsupportedError where nothing is found that describes this kernel.
 */
export function targetTypes(wanted: Btf | 'discover' | undefined, features?: FeatureTable): TargetTypes {
  if (wanted === 'discover') return discoverTypes(features);
  if (wanted === undefined) return bestTypes(features);
  const mismatch = findMismatch(wanted, features);
  if (mismatch === undefined) return { btf: wanted, source: 'file' };
  return { ...bestTypes(features), rejected: `the types given are not this kernel's: ${mismatch}` };
}

function bestTypes(features: FeatureTable | undefined): TargetTypes {
  const own = features?.probe('kernel_btf').state === 'absent' ? undefined : kernelBtf();
  if (own !== undefined) return { btf: own, source: 'kernel' };
  const fields = loadCachedFields();
  if (fields === undefined) return discoverTypes(features);
  const btf = toBtf(fields);
  const mismatch = findMismatch(btf, features);
  if (mismatch === undefined) return { btf, source: 'cache', fields };
  return { ...discoverTypes(features), rejected: `the offsets kept are not this kernel's: ${mismatch}` };
}

function discoverTypes(features: FeatureTable | undefined): TargetTypes {
  const discovery = discover(features && { features });
  assertEssential(discovery);
  const btf = discovery.toBtf();
  const mismatch = findMismatch(btf, features);
  if (mismatch !== undefined) {
    throw new UnsupportedError(
      '/sys/kernel/btf/vmlinux',
      '5.4',
      `the offsets found without it do not hold (${mismatch}); name a BTF file with --btf`,
    );
  }
  // What only this moment kept from being found is looked for again the next time.
  if (!discovery.disturbed) storeFields(discovery);
  return { btf, source: 'discovery', fields: discovery.fields, missing: discovery.missing };
}

function assertEssential({ missing }: Discovery): void {
  const lacking = missing.filter(({ field }) => essential.includes(field));
  if (lacking.length === 0) return;
  throw new UnsupportedError(
    '/sys/kernel/btf/vmlinux',
    '5.4',
    `and without it these fields were not found: ${lacking.map(({ field, why }) => `${field} (${why})`).join(', ')}`,
  );
}
