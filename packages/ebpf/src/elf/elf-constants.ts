/** The ELF numbers that BPF objects use, from the System V gABI and the kernel's BPF psABI. */

export const ElfClass64 = 2;
export const ElfData = { little: 1, big: 2 } as const;
/** e_type of a file that the compiler (or a static linker) made for a loader to relocate. */
export const ElfTypeRelocatable = 1;
export const ElfMachine = { none: 0, bpf: 247 } as const;

export const SectionType = {
  null: 0,
  progbits: 1,
  symtab: 2,
  strtab: 3,
  rela: 4,
  note: 7,
  nobits: 8,
  rel: 9,
} as const;

export const SectionFlag = { write: 1n, alloc: 2n, execInstr: 4n, compressed: 0x800n } as const;

/** Section indexes with a meaning of their own: everything from `loReserve` up names no section. */
export const SectionIndex = { undef: 0, loReserve: 0xff00, common: 0xfff2 } as const;

export const SymbolType = { noType: 0, object: 1, func: 2, section: 3, file: 4 } as const;
export const SymbolBind = { local: 0, global: 1, weak: 2 } as const;
export const SymbolVisibility = { default: 0, internal: 1, hidden: 2, protected: 3 } as const;

/** R_BPF_* relocation types. */
export const RelocationType = {
  none: 0,
  /** A 64-bit immediate spread over an `ld_imm64`. */
  imm64: 1,
  abs64: 2,
  abs32: 3,
  nodyld32: 4,
  /** A call's 32-bit immediate, in instructions. */
  call32: 10,
} as const;
