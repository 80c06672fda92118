/** Layouts of the kernel's own structs, from its BTF: union bpf_attr and others that system calls pass. */
import type { Btf } from '../btf/parse.js';
import {
  type BtfType,
  isComposite,
  Kind,
  type Member,
  type StructType,
  type UnionType,
} from '../btf/types.js';
import { FormatError } from '../errors.js';
import type { Field, StructLayout } from '../sys/kernel-struct.js';
import { camelCase } from './identifiers.js';

/** Names for the members of union bpf_attr that have none in C or a short one, by their first member or their own name. */
const attrNames: Readonly<Record<string, string>> = {
  map_type: 'mapCreate',
  map_fd: 'mapElem',
  prog_type: 'progLoad',
  pathname: 'obj',
  target_fd: 'progAttach',
  start_id: 'getId',
  btf: 'btfLoad',
  test: 'progTestRun',
};

/** Other structs by the names that they get here. */
const otherStructs = {
  btfInfo: ['bpf_btf_info', Kind.struct],
  linkInfo: ['bpf_link_info', Kind.struct],
  mapInfo: ['bpf_map_info', Kind.struct],
  progInfo: ['bpf_prog_info', Kind.struct],
  funcInfo: ['bpf_func_info', Kind.struct],
  lineInfo: ['bpf_line_info', Kind.struct],
  iterLinkInfo: ['bpf_iter_link_info', Kind.union],
  perfEventAttr: ['perf_event_attr', Kind.struct],
  ifinfomsg: ['ifinfomsg', Kind.struct],
  tcmsg: ['tcmsg', Kind.struct],
} as const;

/** Members of 64 bits that are numbers. BTF does not distinguish them from addresses, which all others are. */
const numbers = new Set(
  `addr bp_addr bp_len bpf_cookie branch_sample_type cgroup_id config config1 config2 config3 config4 cookie elem_flags
  expected_revision flags kprobe_addr load_time map_extra missed netns_dev netns_ino probe_addr probe_offset read_format
  recursion_misses ref_ctr_offset revision run_cnt run_time_ns sample_freq sample_period sample_regs_intr
  sample_regs_user sample_type sig_data`.split(/\s+/),
);

/** Layouts by name. */
export interface KernelLayouts {
  /** The alternatives of union bpf_attr. */
  readonly attr: Readonly<Record<string, StructLayout>>;
  readonly struct: Readonly<Record<string, StructLayout>>;
}

/** The layouts in a kernel's BTF. @throws FormatError where there is no union bpf_attr. */
export function kernelLayouts(btf: Btf): KernelLayouts {
  const attr: Record<string, StructLayout> = {};
  for (const member of composite(btf, 'bpf_attr', Kind.union).members) {
    const type = btf.resolve(member.typeId);
    if (isComposite(type)) attr[attrName(btf, member, type)] = layout(btf, type);
  }
  const struct: Record<string, StructLayout> = {};
  for (const [name, [cName, kind]] of Object.entries(otherStructs)) {
    if (btf.find(cName, kind) !== undefined) struct[name] = layout(btf, composite(btf, cName, kind));
  }
  return { attr, struct };
}

function composite(btf: Btf, name: string, kind: number): StructType | UnionType {
  const type = btf.type(btf.find(name, kind) ?? 0);
  if (isComposite(type)) return type;
  throw new FormatError(`the BTF has no ${name}`);
}

function attrName(btf: Btf, member: Member, type: StructType | UnionType): string {
  const key = member.name !== '' ? member.name : firstName(btf, type);
  return attrNames[key] ?? camelCase(key);
}

function firstName(btf: Btf, type: StructType | UnionType): string {
  const [first] = type.members;
  if (first === undefined) throw new FormatError('union bpf_attr has an empty member');
  const inner = btf.resolve(first.typeId);
  return first.name === '' && isComposite(inner) ? firstName(btf, inner) : first.name;
}

function layout(btf: Btf, type: StructType | UnionType): StructLayout {
  return { size: type.size, fields: fieldsOf(btf, type, 0) };
}

/** Members by name; those of anonymous structs and unions among the others. Reserved ones are left out. */
function fieldsOf(btf: Btf, type: StructType | UnionType, start: number): Record<string, Field> {
  const fields: Record<string, Field> = {};
  for (const member of type.members) {
    const bit = start + member.bitOffset;
    const inner = btf.resolve(member.typeId);
    if (member.name === '' && isComposite(inner)) Object.assign(fields, fieldsOf(btf, inner, bit));
    else if (member.name !== '' && !member.name.startsWith('_'))
      fields[camelCase(member.name)] = fieldOf(btf, member, inner, bit);
  }
  return fields;
}

function fieldOf(btf: Btf, member: Member, type: BtfType, bit: number): Field {
  const offset = bit / 8;
  if (member.bitSize > 0) {
    return { kind: 'bits', offset: Math.floor(bit / 32) * 4, shift: bit % 32, width: member.bitSize };
  }
  if (isComposite(type)) return { kind: 'struct', fields: fieldsOf(btf, type, bit) };
  const size = btf.size(member.typeId);
  if (type.kind === Kind.array) return { kind: 'bytes', offset, size };
  if (size === 8) return { kind: numbers.has(member.name) ? 'u64' : 'pointer', offset };
  if (size === 4) return { kind: type.kind === Kind.int && type.signed ? 's32' : 'u32', offset };
  if (size === 2) return { kind: 'u16', offset };
  if (size === 1) return { kind: 'u8', offset };
  throw new FormatError(`member ${member.name} has ${size} bytes`);
}

/** The text of the TypeScript module. */
export function emitKernelLayouts({ attr, struct }: KernelLayouts): string {
  return `/** Layouts of kernel structs, generated from the kernel's BTF by \`npm run build:attr\`. Do not edit. */

/** The alternatives of union bpf_attr, by the commands of bpf(2) that take them. */
export const attrLayouts = ${emitLayouts(attr)} as const;

/** Other structs that system calls take or fill. */
export const structLayouts = ${emitLayouts(struct)} as const;
`;
}

function emitLayouts(layouts: Readonly<Record<string, StructLayout>>): string {
  const lines = Object.entries(layouts).map(
    ([name, { size, fields }]) => `  ${name}: {\n    size: ${size},\n${emitFields(fields, '    ')}  },\n`,
  );
  return `{\n${lines.join('')}}`;
}

function emitFields(fields: Readonly<Record<string, Field>>, indent: string): string {
  const lines = Object.entries(fields).map(([name, field]) =>
    field.kind === 'struct'
      ? `${indent}  ${name}: {\n${indent}    kind: 'struct',\n${emitFields(field.fields, `${indent}    `)}${indent}  },\n`
      : `${indent}  ${name}: { ${emitField(field)} },\n`,
  );
  return `${indent}fields: {\n${lines.join('')}${indent}},\n`;
}

function emitField(field: Field): string {
  return Object.entries(field)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? `'${value}'` : value}`)
    .join(', ');
}
