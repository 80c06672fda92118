/** Types of kernel modules, with the descriptors by which the kernel takes them. */
import { constants } from 'node:os';
import { kernelBtf } from '../btf/kernel.js';
import { KernelModules } from '../btf/modules.js';
import { EbpfError } from '../errors.js';
import { unsupported } from '../features/since.js';
import { attr, infoAttr, kernelStruct } from '../sys/attr.js';
import { bpf, bpfError, bpfRaw } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';

const { ENOENT } = constants.errno;

/** A type of a module, and its module's BTF in the kernel. */
export interface OpenModuleType {
  readonly module: string;
  readonly typeId: number;
  /** Open until the {@link ModuleTypes} it comes from are disposed of. */
  readonly btfFd: number;
}

/** The modules' types during one load: read and opened when something is looked for in them, each once. */
export class ModuleTypes implements Disposable {
  readonly #fds = new Map<string, Fd>();
  #modules: KernelModules | undefined;

  /** The types of loaded modules; undefined where the kernel shows not even its own. */
  get modules(): KernelModules | undefined {
    const base = this.#modules === undefined ? kernelBtf() : undefined;
    if (base !== undefined) this.#modules = new KernelModules(base);
    return this.#modules;
  }

  /**
   * The first module's type of this name and kind.
   * @param likely The module that probably has it.
   * @throws FormatError, SyscallError if a module's types cannot be read; SyscallError if they cannot be opened (CAP_SYS_ADMIN);
   * EbpfError if the module was unloaded meanwhile.
   */
  find(name: string, kind: number, likely?: string): OpenModuleType | undefined {
    const found = this.modules?.find(name, kind, likely);
    if (found === undefined) return undefined;
    const { module, typeId } = found;
    return { module, typeId, btfFd: this.open(module) };
  }

  /** A type of this module; undefined if the module lacks it, or shows no types. @throws as {@link find} */
  findIn(module: string, name: string, kind: number): OpenModuleType | undefined {
    const found = this.modules?.findIn(module, name, kind);
    return found === undefined ? undefined : { module, typeId: found.typeId, btfFd: this.open(module) };
  }

  /** The descriptor of a module's BTF. @throws as {@link find} */
  open(module: string): number {
    let fd = this.#fds.get(module);
    if (fd === undefined) {
      fd = openModuleBtf(module);
      this.#fds.set(module, fd);
    }
    return fd.fd;
  }

  /** Closes the descriptors. The kernel keeps the types that programs refer to. */
  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) fd[Symbol.dispose]();
    this.#fds.clear();
  }
}

/** The error for something that lies in a module whose types the kernel does not show. */
export function withoutModuleBtf(what: string, module: string): EbpfError {
  const why = `${what} is in module ${module}, whose types this kernel does not show (CONFIG_DEBUG_INFO_BTF_MODULES)`;
  return unsupported(`/sys/kernel/btf/${module}`, '5.11', why);
}

/** Opens the BTF that the kernel keeps under a module's name. */
function openModuleBtf(module: string): Fd {
  const advice = `the types of module ${module} are found by their id, which needs CAP_SYS_ADMIN`;
  for (let id = 0; ; ) {
    const next = attr('getId', { startId: id });
    const found = bpfRaw(Command.btfGetNextId, next);
    if (found === -ENOENT)
      throw new EbpfError(`module ${module} was unloaded while its types were looked at`);
    if (found < 0) throw bpfError(Command.btfGetNextId, -found, advice, ['CAP_SYS_ADMIN']);
    id = next.get('nextId');
    const result = bpfRaw(Command.btfGetFdById, attr('getId', { btfId: id }));
    if (result === -ENOENT) continue; // It went away in between.
    if (result < 0) throw bpfError(Command.btfGetFdById, -result, advice, ['CAP_SYS_ADMIN']);
    const fd = new Fd(result);
    if (kernelBtfName(fd.fd) === module) return fd;
    fd[Symbol.dispose]();
  }
}

/** The name of the kernel's own BTF or of a module's; undefined for the BTF of a program. */
function kernelBtfName(fd: number): string | undefined {
  const name = new Uint8Array(64);
  const info = kernelStruct('btfInfo', { name, nameLen: name.length });
  bpf(Command.objGetInfoByFd, infoAttr(fd, info));
  if (info.get('kernelBtf') === 0) return undefined;
  return Buffer.from(name.subarray(0, name.indexOf(0))).toString('latin1');
}
