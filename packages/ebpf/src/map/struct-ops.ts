/** Maps that are a struct of functions which the kernel calls: a TCP congestion control, a scheduler. */
import { constants } from 'node:os';
import { EbpfError } from '../errors.js';
import { attr } from '../sys/attr.js';
import { bpf } from '../sys/bpf.js';
import { Fd } from '../sys/fd.js';
import { AttachType } from '../uapi/attach-types.js';
import { Command } from '../uapi/commands.js';
import { MapFlag } from '../uapi/flags.js';
import { indexKey } from './array.js';
import { BpfMap } from './map.js';

/** Keeps a struct of functions in force. Disposing of it takes them out; doing so again has no effect. */
export interface StructOpsLink extends Disposable {
  readonly kind: 'struct_ops';
  readonly descriptors: readonly number[];
}

/** A struct of functions, BPF_MAP_TYPE_STRUCT_OPS (5.6; as a link, which `.struct_ops.link` asks for, 6.4). */
export class StructOpsMap extends BpfMap {
  #contents: Uint8Array | undefined;
  #isSet = false;

  /** Takes the struct's value in the kernel's layout, programs by their descriptors, for {@link attach}. */
  prepare(contents: Uint8Array): void {
    this.#contents = contents;
  }

  /**
   * Puts the functions in force: the kernel checks the struct, and calls its programs from then on.
   *
   * @throws SyscallError: EINVAL for a struct that lacks a function which the kernel needs, EEXIST for a name that is in use, EBUSY where it is
   * in force already; EbpfError for a map that no object has described.
   */
  attach(): StructOpsLink {
    if (this.#contents === undefined)
      throw new EbpfError(`map ${this.name} was opened rather than loaded: what it holds is not known`);
    // The value of a map with a link can be set once, and may be attached often.
    if (!this.#isSet)
      bpf(Command.mapUpdateElem, this.#element(this.#contents), (errno) => this.#reason(errno));
    if ((this.flags & MapFlag.link) === 0) return this.#registered();
    this.#isSet = true;
    const values = { mapFd: this.fd, attachType: AttachType.structOps };
    const fd = new Fd(bpf(Command.linkCreate, attr('linkCreate', values), (errno) => this.#reason(errno)));
    return { kind: 'struct_ops', descriptors: [fd.fd], [Symbol.dispose]: () => fd[Symbol.dispose]() };
  }

  #element(value: Uint8Array) {
    return attr('mapElem', { mapFd: this.fd, key: indexKey(0), value, flags: 0 });
  }

  /** Without a link, deleting the element takes the functions out. */
  #registered(): StructOpsLink {
    let registered = true;
    const { fd } = this;
    return {
      kind: 'struct_ops',
      descriptors: [fd],
      [Symbol.dispose]: () => {
        if (registered) this.delete(indexKey(0));
        registered = false;
      },
    };
  }

  #reason(errno: number): string {
    const { EBUSY, EEXIST, EINVAL } = constants.errno;
    if (errno === EEXIST) return `map ${this.name}: another one of the same name is in force`;
    if (errno === EBUSY) return `map ${this.name} is in force already`;
    if (errno === EINVAL)
      return `map ${this.name}: the struct lacks a function that the kernel needs, or holds what it refuses`;
    return `map ${this.name}`;
  }
}
