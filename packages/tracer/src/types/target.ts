/** Chooses the types against which the programs are relocated. */
import {
  type Btf,
  EbpfError,
  type FeatureTable,
  kernelBtf,
  features as kernelFeatures,
  UnknownFeatureError,
} from '@weir/ebpf';
import { unsupported } from '@weir/ebpf/sys';
import { loadCachedFields, storeFields } from '../discovery/cache.js';
import { type DiscoveredField, type Discovery, discover, type MissingField } from '../discovery/index.js';
import { toBtf } from '../discovery/types.js';
import { findDisplacedField } from './discovered-offsets.js';
import { findMismatch, type Mismatch } from './verify.js';

/** The source of the types: the kernel itself, a file, an earlier discovery, or a new one. */
export type TypeSource = 'kernel' | 'file' | 'cache' | 'discovery';

/** Where the kernel's types come from, and why. */
export interface TypeChoice {
  readonly source: TypeSource;
  /** The reason why types that were given are not used. */
  readonly rejected?: string;
  /** The error, with the verifier's log, where the kernel refused the programs with these types. */
  readonly refusal?: EbpfError;
}

export interface TargetTypes extends TypeChoice {
  readonly btf: Btf;
  /** Discovered fields, from this discovery or an earlier one. */
  readonly fields?: readonly DiscoveredField[];
  /** Fields that this discovery did not find. */
  readonly missing?: readonly MissingField[];
}

/** Fields without which connections cannot be distinguished. */
export const essentialFields = [
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
 * Returns the kernel's own types, else those of an earlier discovery on this kernel, else discovers them. All but the
 * kernel's own are first verified with connections whose values are known, and compared with a discovery.
 *
 * @param wanted Types to use instead, if they prove to be this kernel's; `discover` requires a discovery.
 * @throws UnsupportedError where nothing is found that describes this kernel.
 */
export function targetTypes(wanted: Btf | 'discover' | undefined, features?: FeatureTable): TargetTypes {
  if (wanted === 'discover') return discoverTypes(features);
  if (wanted === undefined) return bestTypes(features);
  const difference = findDifference(wanted, features);
  if (difference === undefined) return { btf: wanted, source: 'file' };
  return reject("the types given are not this kernel's", difference, bestTypes(features));
}

function findDifference(btf: Btf, features: FeatureTable | undefined): Mismatch | undefined {
  const mismatch = findMismatch(btf, features);
  if (mismatch !== undefined) return mismatch;
  const what = findDisplacedField(btf, features);
  return what === undefined ? undefined : { what };
}

function reject(reason: string, { what, error }: Mismatch, used: TargetTypes): TargetTypes {
  return { ...used, rejected: `${reason}: ${what}`, ...(error !== undefined && { refusal: error }) };
}

function bestTypes(features: FeatureTable | undefined): TargetTypes {
  const own = features?.probe('kernel_btf').state === 'absent' ? undefined : kernelBtf();
  if (own !== undefined) return { btf: own, source: 'kernel' };
  const fields = loadCachedFields();
  if (fields === undefined) return discoverTypes(features);
  const btf = toBtf(fields);
  const difference = findDifference(btf, features);
  if (difference === undefined) return { btf, source: 'cache', fields };
  return reject("the offsets kept are not this kernel's", difference, discoverTypes(features));
}

function discoverTypes(features: FeatureTable | undefined): TargetTypes {
  const discovery = discover(features && { features });
  assertEssential(discovery, features);
  const btf = discovery.toBtf();
  const mismatch = findMismatch(btf, features);
  if (mismatch !== undefined) {
    throw withoutTypes(
      `the offsets found without it do not hold (${mismatch.what}); name a BTF file with --btf`,
      features,
      mismatch.error,
    );
  }
  // What only this moment kept from being found is looked for again the next time.
  if (!discovery.disturbed) storeFields(discovery);
  return { btf, source: 'discovery', fields: discovery.fields, missing: discovery.missing };
}

function assertEssential({ missing }: Discovery, features: FeatureTable | undefined): void {
  const lacking = missing.filter(({ field }) => essentialFields.includes(field));
  if (lacking.length === 0) return;
  const fields = lacking.map(({ field, why }) => `${field} (${why})`).join(', ');
  throw withoutTypes(`and without it these fields were not found: ${fields}`, features);
}

/** The error where neither the kernel's own types nor a discovery serve. */
function withoutTypes(why: string, features?: FeatureTable, cause?: EbpfError): EbpfError {
  const error = describeLack(why, features);
  if (cause !== undefined) error.cause = cause;
  return error;
}

function describeLack(why: string, features = kernelFeatures): EbpfError {
  const { description, since } = features.describe('kernel_btf');
  const own = features.probe('kernel_btf');
  if (own.state === 'unknown') return new UnknownFeatureError(description, { ...own, advice: why });
  // A discovery may have been asked for.
  if (own.state === 'present') return new EbpfError(`${description} is not used, ${why}`);
  return unsupported(description, since, why);
}
