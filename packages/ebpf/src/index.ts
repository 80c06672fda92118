export { BtfBuilder, type IntOptions, type MemberInit } from './btf/builder.js';
export { type Candidate, Candidates } from './btf/core/candidates.js';
export { type CoreResult, relocate } from './btf/core/relocate.js';
export {
  type BtfExt,
  CoreKind,
  type CoreRelocation,
  type FuncInfo,
  type LineInfo,
  parseBtfExt,
} from './btf/ext.js';
export { kernelBtf } from './btf/kernel.js';
export { Btf } from './btf/parse.js';
export type * from './btf/types.js';
export { Kind, Linkage } from './btf/types.js';
