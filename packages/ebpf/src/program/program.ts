/** A program in the kernel. */
import { readlinkSync } from 'node:fs';
import { BoundedMap } from '../bounded-map.js';
import { EbpfError } from '../errors.js';
import { type AttachOptions, attachProgram } from '../link/attach.js';
import type { Link } from '../link/link.js';
import { attachTypeOfKind } from '../object/sections.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { objectIds, openById } from '../sys/object-ids.js';
import { Command } from '../uapi/commands.js';
import type { UsdtSpecs } from '../usdt/usdt-specs.js';
import { enforcedAttachType } from './expected-attach-type.js';
import { listLoaded } from './list-loaded.js';
import { type MachineFunction, machineCode } from './machine-code.js';
import type { ProgramDetails, ProgramHandle } from './program-handle.js';
import { type ProgramInfo, programInfo, translatedInstructions } from './program-info.js';
import { type TestRunInput, type TestRunResult, testRun } from './test-run.js';

const MOST_REMEMBERED = 4096;

/** The programs that this process has pinned, by id, which the kernel does not give to another one soon. */
const pinned = new BoundedMap<number, ProgramDetails>(MOST_REMEMBERED);

/** A loaded program; it stays in the kernel until disposed of, unless a link or a pin holds it as well. */
export class Program implements ProgramHandle, Disposable {
  readonly name: string;
  readonly type: number;
  readonly expectedAttachType: number | undefined;
  readonly kind: string | undefined;
  readonly attachTo: string | undefined;
  readonly usdt: UsdtSpecs | undefined;
  readonly #fd: Fd;
  #id: number | undefined;
  #disposed = false;
  #holders = 0;

  /** Takes ownership of the descriptor. */
  constructor(fd: Fd, details: ProgramDetails) {
    this.#fd = fd;
    this.name = details.name;
    this.type = details.type;
    this.expectedAttachType = details.expectedAttachType;
    this.kind = details.kind;
    this.attachTo = details.attachTo;
    this.usdt = details.usdt;
  }

  /**
   * Opens a program that was pinned to a path in a BPF file system (4.13). The kernel does not show what its section was: programs that this
   * process has pinned keep that; of others, the attach type is known where the kernel would take only one.
   *
   * @param details What is known about it: the kind of its section, its attach type, its target.
   * @throws SyscallError; EbpfError if something else is pinned there.
   */
  static openPinned(path: string, details: Partial<ProgramDetails> = {}): Program {
    return Program.#fromFd(new Fd(bpf(Command.objGet, attr('obj', { pathname: path }))), details, path);
  }

  /**
   * Opens the program with an id; `undefined` if there is none (4.13). Needs CAP_SYS_ADMIN. What is known of it is as for {@link openPinned}.
   *
   * @throws SyscallError
   */
  static fromId(id: number, details: Partial<ProgramDetails> = {}): Program | undefined {
    const fd = openById(Command.progGetFdById, { progId: id }, `program ${id}`);
    return fd === undefined ? undefined : Program.#fromFd(fd, details, `program ${id}`);
  }

  static #fromFd(fd: Fd, details: Partial<ProgramDetails>, place: string): Program {
    try {
      const kind = readlinkSync(`/proc/self/fd/${fd.fd}`);
      if (kind !== 'anon_inode:bpf-prog') throw new EbpfError(`${place} holds no program but ${kind}`);
      const { name, type, id } = programInfo(fd.fd);
      const known = { ...(pinned.get(id) ?? { name }), type, ...details };
      const expectedAttachType =
        known.expectedAttachType ?? attachTypeOfKind(known.kind) ?? enforcedAttachType(fd.fd, type);
      return new Program(fd, { ...known, expectedAttachType });
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  }

  /** The open descriptor. @throws EbpfError once disposed of. */
  get fd(): number {
    if (this.#disposed) throw new EbpfError(`program ${this.name} was already disposed of`);
    return this.#fd.fd;
  }

  /**
   * Attaches it as its section says: kind, target and options of `SEC("kretprobe/tcp_connect")`, `SEC("cgroup/connect4")` and all others.
   *
   * @param options What the section leaves open: the cgroup, the device, the process.
   * @throws OptionError where something is missing that the section does not say; EbpfError for a section that says nothing, or of a kind
   * whose programs are not attached by themselves; and as the function for that kind, such as {@link attachKprobe}.
   */
  attach(options: AttachOptions = {}): Link {
    return attachProgram(this, options);
  }

  /** The kernel's number for it, as bpftool shows (4.13). @throws SyscallError */
  get id(): number {
    this.#id ??= this.info().id;
    return this.#id;
  }

  /** The kernel's account of the program (4.13). @throws SyscallError */
  info(): ProgramInfo {
    return programInfo(this.fd);
  }

  /**
   * The instructions as the verifier left them, 8 bytes each in host byte order; empty where the kernel hides
   * them (4.13).
   *
   * @throws SyscallError
   */
  translatedInstructions(): Uint8Array {
    return translatedInstructions(this.fd);
  }

  /**
   * The instructions as the verifier left them, as text: functions by name, maps by name and id, and the source lines that they come from where
   * the program was loaded with types (4.13; source lines 5.0). Needs CAP_SYS_ADMIN. Empty where the kernel hides them.
   *
   * @throws SyscallError
   */
  list(): string {
    return listLoaded(this.fd);
  }

  /**
   * The machine code that the kernel's JIT compiler has made of it, function by function (4.13; addresses 4.18). Empty where it is interpreted, or
   * the kernel hides the code: from processes without the privileges to read it, and with kernel.bpf_jit_harden. Disassembling it is left to
   * others, such as `objdump -D -b binary -m i386:x86-64 --adjust-vma=ADDRESS`.
   *
   * @throws SyscallError
   */
  machineCode(): readonly MachineFunction[] {
    return machineCode(this.fd);
  }

  /**
   * Runs it once or repeatedly on given input: BPF_PROG_TEST_RUN (4.12).
   *
   * @throws SyscallError: ENOTSUPP for a type that the kernel cannot run so, ENOSPC if the packet afterwards
   * has no room.
   */
  testRun(input: TestRunInput = {}): TestRunResult {
    return testRun(this.fd, input);
  }

  /**
   * Makes it reachable by a path in a BPF file system (4.4), until the path is removed.
   *
   * @throws SyscallError
   */
  pin(path: string): void {
    bpf(Command.objPin, attr('obj', { pathname: path, bpfFd: this.fd }));
    const { name, type, expectedAttachType, kind, attachTo } = this;
    pinned.set(this.id, { name, type, expectedAttachType, kind, attachTo });
  }

  /**
   * Keeps the descriptor open beyond the disposal of this program, for attachments that name the program when they are
   * undone.
   */
  hold(): Disposable & { readonly fd: number } {
    const { fd } = this.#fd;
    this.#holders++;
    let held = true;
    return {
      fd,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holders--;
        this.#closeUnlessHeld();
      },
    };
  }

  /** Closes the descriptor. Doing so again has no effect. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#closeUnlessHeld();
  }

  #closeUnlessHeld(): void {
    if (this.#disposed && this.#holders === 0) this.#fd[Symbol.dispose]();
  }
}

/** The ids of all programs of this machine, ascending (4.13). Needs CAP_SYS_ADMIN. @throws SyscallError */
export function programIds(): Generator<number, void, undefined> {
  return objectIds('progGetNextId');
}
