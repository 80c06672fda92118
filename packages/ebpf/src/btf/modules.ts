/** The types of kernel modules, which continue the kernel's own: read only where something is looked for in a module. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { EbpfError, FormatError, SyscallError } from '../errors.js';
import { errnoOf, judgeFile } from '../features/kernel-files.js';
import { Btf } from './parse.js';

const folder = '/sys/kernel/btf';
const { ENOENT, ENOTDIR } = constants.errno;

/** A loaded module and its types. */
export interface ModuleBtf {
  readonly module: string;
  readonly btf: Btf;
}

/** A type that a module has and the kernel lacks. */
export interface ModuleType extends ModuleBtf {
  readonly typeId: number;
}

/** The types of the modules that are loaded now (5.11, CONFIG_DEBUG_INFO_BTF_MODULES), each read when it is first asked for. */
export class KernelModules {
  readonly #base: Btf;
  readonly #read = new Map<string, Btf | undefined>();
  readonly #folder: string;
  #names: readonly string[] | undefined;

  /**
   * @param base The kernel's own types.
   * @param path Where the kernel shows the types of modules, a file each.
   */
  constructor(base: Btf, path = folder) {
    this.#base = base;
    this.#folder = path;
  }

  /**
   * The names of the modules whose types the kernel shows.
   * @throws SyscallError if they cannot be listed.
   */
  get names(): readonly string[] {
    this.#names ??= this.#list();
    return this.#names;
  }

  /**
   * A module's types; undefined where the kernel shows none.
   * @throws FormatError, which names the module, if they cannot be understood; SyscallError if they cannot be read.
   */
  get(module: string): Btf | undefined {
    if (!this.#read.has(module)) this.#read.set(module, this.#parse(module));
    return this.#read.get(module);
  }

  /** All modules that have types. @throws as {@link get} */
  *all(): Generator<ModuleBtf, void, undefined> {
    for (const module of this.names) {
      const btf = this.get(module);
      if (btf !== undefined) yield { module, btf };
    }
  }

  /**
   * The first module that has a type of this name and kind.
   * @param likely The module that probably has it, which is asked first.
   * @throws as {@link get}
   */
  find(name: string, kind: number, likely?: string): ModuleType | undefined {
    const known = likely === undefined ? undefined : this.findIn(likely, name, kind);
    if (known !== undefined) return known;
    for (const { module } of this.all()) {
      const found = this.findIn(module, name, kind);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** This module's type of this name and kind. @throws as {@link get} */
  findIn(module: string, name: string, kind: number): ModuleType | undefined {
    const btf = this.get(module);
    const typeId = btf?.typesByName(name).find((id) => id >= btf.firstId && btf.kind(id) === kind);
    return btf === undefined || typeId === undefined ? undefined : { module, btf, typeId };
  }

  #list(): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name !== 'vmlinux')
        .sort();
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === ENOENT || errno === ENOTDIR) return [];
      throw unreadable(errno, this.#folder);
    }
  }

  #parse(module: string): Btf | undefined {
    // A module's name is no path.
    if (module.includes('/')) return undefined;
    const path = `${this.#folder}/${module}`;
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      const errno = errnoOf(error);
      // Without types, or unloaded in between.
      if (errno === ENOENT) return undefined;
      throw unreadable(errno, path);
    }
    try {
      return Btf.parse(bytes, this.#base);
    } catch (error) {
      if (!(error instanceof EbpfError)) throw error;
      throw new FormatError(`the types of module ${module} (${path}): ${error.message}`, { cause: error });
    }
  }
}

function unreadable(errno: number, path: string): SyscallError {
  const answer = judgeFile(errno, path);
  return new SyscallError('open', errno, answer.state === 'unknown' ? answer.reason : path);
}
