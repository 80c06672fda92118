/** Discovered fields as types, under the names that packages/tracer/bpf/kernel.h has for them. Pure. */
import { type Btf, BtfBuilder, type MemberInit } from '@weir/ebpf';
import type { DiscoveredField, Field } from './fields.js';

/** Larger than what was looked at of any of the structs, whose real sizes are neither known nor needed. */
const ROOMY = 8192;
const VOID = 0;

/**
 * Types against which the tracer's programs are relocated: the fields that were found, what is part of the kernel's
 * interface to user space, and nothing else.
 *
 * @param architecture As in `process.arch`.
 */
export function toBtf(fields: readonly DiscoveredField[], architecture: string = process.arch): Btf {
  const builder = new BtfBuilder();
  const types = new BasicTypes(builder);
  const membersOf = (struct: Field['struct']): MemberInit[] =>
    fields
      .filter((field) => field.struct === struct)
      .map((field) => ({ name: field.field, typeId: types.of(field), offset: field.offset }));

  const common = builder.addStruct('sock_common', ROOMY, membersOf('sock_common'));
  const commonMember: MemberInit = { name: '__sk_common', typeId: common, offset: 0 };
  builder.addStruct('sock', 2 * ROOMY, [commonMember, ...membersOf('sock')]);
  for (const struct of ['inet_sock', 'tcp_sock', 'socket', 'file', 'task_struct'] as const) {
    const members = membersOf(struct);
    if (members.length > 0) builder.addStruct(struct, ROOMY, members);
  }
  const netMembers = membersOf('net');
  if (netMembers.length > 0) {
    // Only the sum is known of where `ns` is in struct net and where `inum` is in it.
    const namespace = builder.addStruct('ns_common', ROOMY, netMembers);
    builder.addStruct('net', ROOMY, [{ name: 'ns', typeId: namespace, offset: 0 }]);
  }
  if (fields.some(({ field }) => field === 'skc_flags')) {
    builder.addEnum('sock_flags', [
      { name: 'SOCK_DEAD', value: 0 },
      { name: 'SOCK_DONE', value: 1 },
    ]);
  }
  addAddresses(builder, types);
  addRegisters(builder, types, architecture);
  return builder.build();
}

/** Types of fields, each added when it is first needed. */
class BasicTypes {
  readonly #builder: BtfBuilder;
  readonly #ids = new Map<string, number>();

  constructor(builder: BtfBuilder) {
    this.#builder = builder;
  }

  of({ kind, size }: Pick<Field, 'kind' | 'size'>): number {
    switch (kind) {
      case 'unsigned':
        return this.unsigned(size);
      case 'signed':
        return this.#once('int', () => this.#builder.addInt('int', size, { signed: true }));
      case 'in6_addr':
        return this.#once(kind, () => this.#addAddress6());
      case 'net':
        return this.#once(kind, () => {
          const struct = this.#builder.addStruct('', 8, [
            { name: 'net', typeId: this.#pointer(), offset: 0 },
          ]);
          return this.#builder.addTypedef('possible_net_t', struct);
        });
      case 'pointer':
        return this.#pointer();
      case 'characters':
        return this.#once(kind, () => this.#builder.addArray(this.#character(), size, this.unsigned(4)));
    }
  }

  /** @param size Bytes. */
  unsigned(size: number): number {
    return this.#once(`u${size}`, () => this.#builder.addInt(`__u${size * 8}`, size));
  }

  #character(): number {
    return this.#once('char', () => this.#builder.addInt('char', 1, { signed: true }));
  }

  /** CO-RE finds the target of a pointer by its name, where it is followed. */
  #pointer(): number {
    return this.#once('pointer', () => this.#builder.addPtr(VOID));
  }

  #addAddress6(): number {
    const bytes = this.#builder.addArray(this.unsigned(1), 16, this.unsigned(4));
    const union = this.#builder.addUnion('', 16, [{ name: 'u6_addr8', typeId: bytes, offset: 0 }]);
    return this.#builder.addStruct('in6_addr', 16, [{ name: 'in6_u', typeId: union, offset: 0 }]);
  }

  #once(key: string, add: () => number): number {
    const id = this.#ids.get(key) ?? add();
    this.#ids.set(key, id);
    return id;
  }
}

/** include/uapi/linux/socket.h, in.h, in6.h */
function addAddresses(builder: BtfBuilder, types: BasicTypes): void {
  const u16 = types.unsigned(2);
  const family = (name: string): MemberInit => ({ name, typeId: u16, offset: 0 });
  builder.addStruct('sockaddr', 16, [family('sa_family')]);
  const address = builder.addStruct('in_addr', 4, [{ name: 's_addr', typeId: types.unsigned(4), offset: 0 }]);
  builder.addStruct('sockaddr_in', 16, [
    family('sin_family'),
    { name: 'sin_port', typeId: u16, offset: 2 },
    { name: 'sin_addr', typeId: address, offset: 4 },
  ]);
  builder.addStruct('sockaddr_in6', 28, [
    family('sin6_family'),
    { name: 'sin6_port', typeId: u16, offset: 2 },
    { name: 'sin6_addr', typeId: types.of({ kind: 'in6_addr', size: 16 }), offset: 8 },
  ]);
}

/** Registers at a kprobe: arch/x86/include/asm/ptrace.h and arch/arm64/include/asm/ptrace.h. */
function addRegisters(builder: BtfBuilder, types: BasicTypes, architecture: string): void {
  const u64 = types.unsigned(8);
  if (architecture === 'x64') {
    builder.addStruct('pt_regs', 168, [
      { name: 'ax', typeId: u64, offset: 80 },
      { name: 'di', typeId: u64, offset: 112 },
    ]);
  } else if (architecture === 'arm64') {
    const regs = builder.addArray(u64, 31, types.unsigned(4));
    builder.addStruct('pt_regs', 336, [{ name: 'regs', typeId: regs, offset: 0 }]);
  }
}
