/** Processes by the inodes of their sockets, very many in one block of memory: open addressing, and nothing is ever removed. */

const SMALLEST = 64;

/** Nearly every socket has one owner, so further ones are kept apart. */
export class OwnerTable {
  /** Pairs of an inode, 0 where there is none, and a process id. */
  #slots = new Uint32Array(2 * SMALLEST);
  #mask = SMALLEST - 1;
  #size = 0;
  readonly #all = new Map<number, number[]>();

  /** Sockets whose owner is known. */
  get size(): number {
    return this.#size;
  }

  /** @param inode Of 32 bits; 0 is no socket's. */
  add(inode: number, pid: number): void {
    if (inode === 0) return;
    const slot = this.#slotOf(inode);
    if (this.#slots[slot] === 0) {
      this.#slots[slot] = inode;
      this.#slots[slot + 1] = pid;
      if (++this.#size * 4 > (this.#mask + 1) * 3) this.#grow();
      return;
    }
    const first = this.#slots[slot + 1]!;
    if (first === pid) return;
    const all = this.#all.get(inode);
    if (all === undefined)
      this.#all.set(
        inode,
        [first, pid].sort((a, b) => a - b),
      );
    else if (!all.includes(pid)) {
      all.push(pid);
      all.sort((a, b) => a - b);
    }
  }

  /** In ascending order; undefined if none is known. */
  get(inode: number): readonly number[] | undefined {
    const slot = this.#slotOf(inode);
    if (inode === 0 || this.#slots[slot] === 0) return undefined;
    return this.#all.get(inode) ?? [this.#slots[slot + 1]!];
  }

  has(inode: number, pid: number): boolean {
    if (inode === 0) return false;
    const slot = this.#slotOf(inode);
    if (this.#slots[slot] === 0) return false;
    return this.#slots[slot + 1] === pid || this.#all.get(inode)?.includes(pid) === true;
  }

  /** Where an inode is, or where it belongs. */
  #slotOf(inode: number): number {
    const slots = this.#slots;
    let at = Math.imul(inode, 0x9e3779b1) >>> 8;
    for (at &= this.#mask; slots[2 * at] !== 0 && slots[2 * at] !== inode >>> 0; ) at = (at + 1) & this.#mask;
    return 2 * at;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    this.#mask = 2 * this.#mask + 1;
    for (let slot = 0; slot < old.length; slot += 2) {
      if (old[slot] === 0) continue;
      const to = this.#slotOf(old[slot]!);
      this.#slots[to] = old[slot]!;
      this.#slots[to + 1] = old[slot + 1]!;
    }
  }
}
