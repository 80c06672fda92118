/** Which types of the targets may stand for a local type. */
import { EbpfError } from '../../errors.js';
import type { Btf } from '../parse.js';
import { typeLabel } from './access-spec.js';
import { kindsAreCompatible } from './compatible.js';

/** A type that may be what a CO-RE relocation asks for. */
export interface Candidate {
  readonly btf: Btf;
  readonly typeId: number;
}

/**
 * The candidates for each local type: types of its name (flavours aside) and kind. The first target, the kernel, comes
 * before all others: only a type that it lacks is looked for in the modules, which are not read before. What fits a type's earlier relocations
 * narrows down what its later ones may choose from, so share one instance among the programs of an object.
 */
export class Candidates {
  readonly #local: Btf;
  readonly #targets: Iterable<Btf>;
  readonly #found = new Map<number, readonly Candidate[]>();

  constructor(local: Btf, targets: Iterable<Btf>) {
    this.#local = local;
    this.#targets = targets;
  }

  /** @throws EbpfError for anonymous types, which have no counterparts. */
  of(localId: number): readonly Candidate[] {
    let found = this.#found.get(localId);
    if (found === undefined) {
      found = this.#search(localId);
      this.#found.set(localId, found);
    }
    return found;
  }

  /** Keeps only those that fitted. The list stays the same one where all did. */
  narrow(localId: number, fitting: readonly Candidate[]): void {
    if (fitting.length < this.of(localId).length) this.#found.set(localId, fitting);
  }

  #search(localId: number): readonly Candidate[] {
    const type = this.#local.type(localId);
    if (type.name === '') {
      throw new EbpfError(`CO-RE: ${typeLabel(this.#local, localId)} cannot be relocated, it has no name`);
    }
    const found: Candidate[] = [];
    const before = new Set<Btf>();
    for (const btf of this.#targets) {
      for (const typeId of btf.typesByEssentialName(type.name)) {
        // What a module inherits from the kernel has been looked at already.
        const inherited = btf.base !== undefined && before.has(btf.base) && typeId < btf.firstId;
        if (!inherited && kindsAreCompatible(type, btf.type(typeId))) found.push({ btf, typeId });
      }
      if (before.size === 0 && found.length > 0) break;
      before.add(btf);
    }
    return found;
  }
}
