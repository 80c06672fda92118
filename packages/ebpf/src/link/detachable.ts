/** Attachments by BPF_PROG_ATTACH, which the kernel keeps when this process dies and which are undone by naming the program. */
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { duplicate } from '../sys/duplicate.js';
import type { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';
import { AttachFlag } from '../uapi/flags.js';
import type { Link } from './link.js';
import { isErrno } from './link-order.js';

/** Options of {@link DetachableLink}. */
export interface DetachableOptions {
  /** BPF_F_*: BPF_F_ALLOW_* of cgroups. */
  readonly flags?: number;
  /** How a program is replaced: by BPF_F_REPLACE with the old one, or by attaching the next over it. */
  readonly replaces: 'by-flag' | 'by-attaching' | 'never';
  /** What is known about a refusal. */
  readonly advice?: (errno: number) => string | undefined;
}

/** Keeps descriptors of place and program until it is undone. */
export class DetachableLink implements Link {
  readonly kind: string;
  readonly update?: (program: ProgramHandle) => void;
  readonly #attachType: number;
  readonly #flags: number;
  readonly #advice: DetachableOptions['advice'];
  readonly #place: Fd;
  #program: Disposable & { readonly fd: number };

  /** Attaches. @param place A descriptor, which stays the caller's. @throws SyscallError */
  constructor(
    kind: string,
    program: ProgramHandle,
    place: number,
    attachType: number,
    options: DetachableOptions,
  ) {
    this.kind = kind;
    this.#attachType = attachType;
    this.#flags = options.flags ?? 0;
    this.#advice = options.advice;
    this.#place = duplicate(place);
    this.#program = program.hold();
    try {
      this.#attach(this.#program.fd, {});
    } catch (error) {
      this.#release();
      throw error;
    }
    const { replaces } = options;
    if (replaces !== 'never') this.update = (next) => this.#replace(next, replaces === 'by-flag');
  }

  [Symbol.dispose](): void {
    if (this.#place.closed) return;
    try {
      const { fd } = this.#place;
      const values = { targetFd: fd, attachBpfFd: this.#program.fd, attachType: this.#attachType };
      bpf(Command.progDetach, attr('progAttach', values));
    } catch (error) {
      // Somebody else has detached or replaced it.
      if (!isErrno(error, constants.errno.ENOENT)) throw error;
    } finally {
      this.#release();
    }
  }

  #replace(next: ProgramHandle, byFlag: boolean): void {
    const held = next.hold();
    try {
      this.#attach(held.fd, byFlag ? { replaceBpfFd: this.#program.fd } : {});
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
    this.#program[Symbol.dispose]();
    this.#program = held;
  }

  #attach(program: number, replaced: { readonly replaceBpfFd?: number }): void {
    const attachFlags = this.#flags | (replaced.replaceBpfFd === undefined ? 0 : AttachFlag.replace);
    const values = { targetFd: this.#place.fd, attachBpfFd: program, attachType: this.#attachType };
    bpf(Command.progAttach, attr('progAttach', { ...values, attachFlags, ...replaced }), this.#advice);
  }

  #release(): void {
    this.#place[Symbol.dispose]();
    this.#program[Symbol.dispose]();
  }
}
