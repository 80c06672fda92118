/** Typed TypeScript from a compiled BPF object. */
import { Btf } from '../btf/parse.js';
import { ElfFile } from '../elf/file.js';
import { stripDebug } from '../elf/strip-debug.js';
import { FormatError } from '../errors.js';
import { parseObject } from '../object/parse-object.js';
import { analyse } from './analyse.js';
import { emit } from './emit.js';
import type { ObjectPart } from './object-module.js';
import type { OutputFormat } from './output-format.js';

/** Options of {@link generate}. */
export interface GenerateOptions {
  /** Where the module imports from. Default `@weir/ebpf`. */
  readonly runtime?: string;
  /** Default: TypeScript. */
  readonly format?: OutputFormat;
  /** False leaves the object out, and `load()` with it: decoders alone. */
  readonly embed?: boolean;
}

/** Where generated code imports its helpers from. */
export const defaultRuntime = '@weir/ebpf';

/**
 * The text of a module that holds an object and loads it, with decoders for everything it shares with user space.
 *
 * C names become camelCase, struct names PascalCase. 64-bit integers are bigints in keys of maps, as values of maps and as globals; tag
 * the map, variable or member with `__attribute__((btf_decl_tag("number")))` for numbers. In all other structs they become numbers: exact
 * below 2^53, which holds for counters and times; tag a member with `__attribute__((btf_decl_tag("bigint")))` for a bigint, as cookies and
 * hashes need it. Pointers and 128-bit integers are bigints. `char[N]` is a string up to its first NUL; other arrays of numbers are typed arrays.
 * Members of anonymous structs and unions appear among those of the enclosing struct; of a union, every alternative is
 * read and the largest is written. Members called `pad`, `_pad1` and so on are left out, and flexible arrays too.
 *
 * @param bytes an ELF object with a `.BTF` section.
 * @param name the object's name, for the header.
 * @throws FormatError if the object is damaged, has no BTF, or has types that cannot be decoded.
 */
export function generate(
  bytes: Uint8Array,
  name: string,
  { runtime = defaultRuntime, format = 'ts', embed = true }: GenerateOptions = {},
): string {
  const elf = ElfFile.parse(bytes);
  const section = elf.section('.BTF');
  if (section === undefined) throw new FormatError(`${name} has no .BTF section: compile it with -g`);
  const model = analyse(Btf.parse(elf.data(section)));
  return emit(model, name, { runtime, format, ...(embed ? { object: objectPart(bytes) } : {}) });
}

function objectPart(bytes: Uint8Array): ObjectPart {
  const stripped = stripDebug(bytes);
  const { maps, programs } = parseObject(stripped);
  const mapTypes = new Map([...maps].map(([name, { type }]) => [name, type]));
  return { bytes: stripped, mapTypes, programs: [...programs.keys()] };
}
