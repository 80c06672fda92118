/** An object's own types in the kernel: for typed maps, line numbers in verifier logs, and global functions. */
import type { Btf } from '../btf/parse.js';
import { type FeatureTable, features as kernelFeatures } from '../features/table.js';
import { btfLoadAttr } from '../sys/attr.js';
import { bpfRaw } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';
import { type BtfSupport, sanitizeBtf } from './sanitize.js';

/**
 * Loads the types in the form that the kernel takes. Undefined where it takes none (before 4.18) or refuses these:
 * maps and programs work without, except those that demand types and then say so themselves.
 */
export function loadObjectBtf(btf: Btf, features: FeatureTable): Fd | undefined {
  if (!features.has('btf')) return undefined;
  // A new kernel takes all, which is to be known sooner than each part is tried. That it takes a pointer of a global function
  // here is no sign that its verifier does.
  const whole =
    features === kernelFeatures && features.has('btf_func_pointers') ? load(btf, newest) : undefined;
  return whole ?? load(btf, supportOf(features));
}

const newest: BtfSupport = {
  func: true,
  datasec: true,
  globalFunc: true,
  globalPointers: true,
  float: true,
  declTag: true,
  typeTag: true,
  enum64: true,
};

function supportOf(features: FeatureTable): BtfSupport {
  return {
    func: features.has('btf_func'),
    datasec: features.has('btf_datasec'),
    globalFunc: features.has('btf_func_global'),
    globalPointers: features.has('btf_func_pointers'),
    float: features.has('btf_float'),
    declTag: features.has('btf_decl_tag'),
    typeTag: features.has('btf_type_tag'),
    enum64: features.has('btf_enum64'),
  };
}

function load(btf: Btf, support: BtfSupport): Fd | undefined {
  const blob = sanitizeBtf(btf.encode(), support);
  const result = bpfRaw(Command.btfLoad, btfLoadAttr(blob));
  return result < 0 ? undefined : new Fd(result);
}
