/**
 * The types a BTF blob is made of, as plain objects that differ by `kind`. References between types are ids: indexes
 * into the blob, where id 0 stands for `void`. Anonymous things have the name ''.
 *
 * Source: include/uapi/linux/btf.h, Documentation/bpf/btf.rst.
 */

/** BTF_KIND_* numbers. `opaque` is this library's own: a kind newer than the library, skipped by its declared layout. */
export const Kind = {
  void: 0,
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  funcProto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  declTag: 17,
  typeTag: 18,
  enum64: 19,
  opaque: 128,
} as const;

/** Linkage of functions and variables: BTF_FUNC_* and BTF_VAR_*, which share their numbers. */
export const Linkage = { static: 0, global: 1, extern: 2 } as const;

/** The type of id 0, `void`. */
export interface VoidType {
  readonly kind: typeof Kind.void;
  readonly name: '';
}

/** An integer, character or boolean. */
export interface IntType {
  readonly kind: typeof Kind.int;
  readonly name: string;
  /** Bytes of storage. */
  readonly size: number;
  readonly signed: boolean;
  readonly char: boolean;
  readonly bool: boolean;
  /** Number of value bits; `size * 8` except in the old encoding of bit-fields. */
  readonly bits: number;
  /** First value bit; not 0 only in the old encoding of bit-fields. */
  readonly bitOffset: number;
}

/** A pointer. */
export interface PtrType {
  readonly kind: typeof Kind.ptr;
  readonly name: '';
  readonly typeId: number;
}

/** An array. */
export interface ArrayType {
  readonly kind: typeof Kind.array;
  readonly name: '';
  readonly elementTypeId: number;
  readonly indexTypeId: number;
  /** Number of elements; 0 for a flexible array member. */
  readonly count: number;
}

/** A member of a struct or union. */
export interface Member {
  readonly name: string;
  readonly typeId: number;
  /** Distance from the start of the enclosing type, in bits. */
  readonly bitOffset: number;
  /** Width of a bit-field in bits; 0 for an ordinary member. */
  readonly bitSize: number;
}

/** A struct. Its size is in bytes. */
export interface StructType {
  readonly kind: typeof Kind.struct;
  readonly name: string;
  readonly size: number;
  readonly members: readonly Member[];
}

/** A union. Its size is in bytes. */
export interface UnionType {
  readonly kind: typeof Kind.union;
  readonly name: string;
  readonly size: number;
  readonly members: readonly Member[];
}

/** A named value of an enumeration of up to 32 bits. */
export interface Enumerator {
  readonly name: string;
  readonly value: number;
}

/** An enumeration of up to 32 bits. Its size is in bytes. */
export interface EnumType {
  readonly kind: typeof Kind.enum;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly Enumerator[];
}

/** A named value of an enumeration of 64 bits. */
export interface Enumerator64 {
  readonly name: string;
  readonly value: bigint;
}

/** An enumeration with values beyond 32 bits. Since Linux 6.0. */
export interface Enum64Type {
  readonly kind: typeof Kind.enum64;
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly Enumerator64[];
}

/** A forward declaration: `struct name;` or `union name;`. */
export interface FwdType {
  readonly kind: typeof Kind.fwd;
  readonly name: string;
  readonly union: boolean;
}

/** A typedef. */
export interface TypedefType {
  readonly kind: typeof Kind.typedef;
  readonly name: string;
  readonly typeId: number;
}

/** A `volatile` type. */
export interface VolatileType {
  readonly kind: typeof Kind.volatile;
  readonly name: '';
  readonly typeId: number;
}

/** A `const` type. */
export interface ConstType {
  readonly kind: typeof Kind.const;
  readonly name: '';
  readonly typeId: number;
}

/** A `restrict` pointer. */
export interface RestrictType {
  readonly kind: typeof Kind.restrict;
  readonly name: '';
  readonly typeId: number;
}

/** A function with its name. Since Linux 5.0. */
export interface FuncType {
  readonly kind: typeof Kind.func;
  readonly name: string;
  /** The function's prototype. */
  readonly typeId: number;
  readonly linkage: number;
}

/** A parameter of a function prototype. */
export interface Parameter {
  /** '' with `typeId` 0 in the last place stands for `...`. */
  readonly name: string;
  readonly typeId: number;
}

/** A function prototype. */
export interface FuncProtoType {
  readonly kind: typeof Kind.funcProto;
  readonly name: '';
  readonly returnTypeId: number;
  readonly parameters: readonly Parameter[];
}

/** A global variable. Since Linux 5.2. */
export interface VarType {
  readonly kind: typeof Kind.var;
  readonly name: string;
  readonly typeId: number;
  readonly linkage: number;
}

/** A variable's place in a section. Its size is in bytes. */
export interface SectionVariable {
  readonly typeId: number;
  /** Bytes from the start of the section. Compilers leave 0 here; the ELF symbol has the right number. */
  readonly offset: number;
  readonly size: number;
}

/** A data section with its variables. Since Linux 5.2. */
export interface DatasecType {
  readonly kind: typeof Kind.datasec;
  readonly name: string;
  /** Bytes. Compilers leave 0 here; the ELF section has the right number. */
  readonly size: number;
  readonly variables: readonly SectionVariable[];
}

/** A floating-point number. Its size is in bytes. Since Linux 5.13. */
export interface FloatType {
  readonly kind: typeof Kind.float;
  readonly name: string;
  readonly size: number;
}

/** `__attribute__((btf_decl_tag("name")))` on a type, variable, function, member or parameter. Since Linux 5.16. */
export interface DeclTagType {
  readonly kind: typeof Kind.declTag;
  readonly name: string;
  readonly typeId: number;
  /** The member or parameter that is tagged; -1 if it is the whole. */
  readonly componentIndex: number;
  /** The name is an arbitrary attribute rather than a btf_decl_tag. Since Linux 6.15. */
  readonly attribute?: boolean;
}

/** `__attribute__((btf_type_tag("name")))` on a pointer's target. Since Linux 5.17. */
export interface TypeTagType {
  readonly kind: typeof Kind.typeTag;
  readonly name: string;
  readonly typeId: number;
  /** The name is an arbitrary attribute rather than a btf_type_tag. Since Linux 6.15. */
  readonly attribute?: boolean;
}

/** A kind this library does not know, in a blob whose layout section says how long it is. */
export interface OpaqueType {
  readonly kind: typeof Kind.opaque;
  readonly name: string;
  readonly rawKind: number;
}

/** A type of any kind; `kind` says which. */
export type BtfType =
  | VoidType
  | IntType
  | PtrType
  | ArrayType
  | StructType
  | UnionType
  | EnumType
  | Enum64Type
  | FwdType
  | TypedefType
  | VolatileType
  | ConstType
  | RestrictType
  | FuncType
  | FuncProtoType
  | VarType
  | DatasecType
  | FloatType
  | DeclTagType
  | TypeTagType
  | OpaqueType;

const kindNames = new Map<number, string>([
  [Kind.funcProto, 'function prototype'],
  [Kind.declTag, 'declaration tag'],
  [Kind.typeTag, 'type tag'],
  [Kind.fwd, 'forward declaration'],
]);
for (const [name, kind] of Object.entries(Kind)) {
  if (!kindNames.has(kind)) kindNames.set(kind, name);
}

/** A kind in words, for messages. */
export function kindName(kind: number): string {
  return kindNames.get(kind) ?? `kind ${kind}`;
}

/** Whether a type is a struct or union. */
export function isComposite(type: BtfType): type is StructType | UnionType {
  return type.kind === Kind.struct || type.kind === Kind.union;
}

/** Whether a type is an enumeration. */
export function isEnum(type: BtfType): type is EnumType | Enum64Type {
  return type.kind === Kind.enum || type.kind === Kind.enum64;
}

/** Types that stand for another without changing what it is. Typedefs are asked for separately. */
export function isModifier(type: BtfType): type is VolatileType | ConstType | RestrictType | TypeTagType {
  return (
    type.kind === Kind.const ||
    type.kind === Kind.volatile ||
    type.kind === Kind.restrict ||
    type.kind === Kind.typeTag
  );
}
