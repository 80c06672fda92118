import type { Btf } from '../btf/parse.js';
import { Kind } from '../btf/types.js';

/** The declaration tags (`__attribute__((btf_decl_tag("name")))`) of a blob. */
export class Tags {
  readonly #marks = new Set<string>();
  readonly #byName = new Map<string, number[]>();

  constructor(btf: Btf) {
    for (let id = 1; id < btf.length; id++) {
      if (btf.kind(id) !== Kind.declTag) continue;
      const tag = btf.type(id);
      if (tag.kind !== Kind.declTag) continue;
      this.#marks.add(`${tag.name}:${tag.typeId}:${tag.componentIndex}`);
      const ids = this.#byName.get(tag.name) ?? [];
      this.#byName.set(tag.name, ids);
      ids.push(tag.typeId);
    }
  }

  /** Whether a type, or one of its members, bears a tag. */
  has(name: string, typeId: number, member = -1): boolean {
    return this.#marks.has(`${name}:${typeId}:${member}`);
  }

  /** The types (or variables) that bear a tag, or have a member that does. */
  tagged(name: string): readonly number[] {
    return this.#byName.get(name) ?? [];
  }
}
