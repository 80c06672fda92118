/** Bloom filters: sets that answer "certainly not" or "probably". */
import { constants } from 'node:os';
import { OptionError } from '../errors.js';
import { attr } from '../sys/attr.js';
import { bpfError, bpfRaw } from '../sys/bpf.js';
import type { Fd } from '../sys/fd.js';
import { Command } from '../uapi/commands.js';
import { BpfMap, type MapShape } from './map.js';

const { ENOENT } = constants.errno;

/** A bloom filter, BPF_MAP_TYPE_BLOOM_FILTER (5.16). It has values and no keys; none can be taken out, nor listed. */
export class BloomFilterMap extends BpfMap {
  /** The value is read by the kernel, where other maps have theirs written. */
  readonly #asked: Uint8Array;

  /** Takes ownership of an open map's descriptor. */
  constructor(fd: Fd, shape: MapShape) {
    super(fd, shape);
    this.#asked = new Uint8Array(shape.valueSize);
  }

  /** Adds a value of `valueSize` bytes. @throws SyscallError; OptionError for another size of value. */
  add(value: Uint8Array): void {
    this.update(new Uint8Array(), value);
  }

  /**
   * Whether a value was added: false is certain, true is probable.
   *
   * @throws SyscallError; OptionError for another size of value; EbpfError after disposal.
   */
  has(value: Uint8Array): boolean {
    if (value.length !== this.valueSize)
      throw new OptionError(
        `map ${this.name}: a value of ${value.length} bytes, where its size is ${this.valueSize}`,
      );
    this.#asked.set(value);
    const values = { mapFd: this.fd, value: this.#asked, flags: 0 };
    const errno = -bpfRaw(Command.mapLookupElem, attr('mapElem', values));
    if (errno > 0 && errno !== ENOENT)
      throw bpfError(Command.mapLookupElem, errno, this.explain(Command.mapLookupElem, errno));
    return errno <= 0;
  }

  /** A bloom filter has no keys to look up. @throws OptionError always; {@link has} asks about a value. */
  override lookup(): never {
    throw new OptionError(`map ${this.name} is a bloom filter, which has no keys: ask has(value)`);
  }
}
