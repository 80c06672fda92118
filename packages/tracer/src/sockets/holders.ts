/** A walk over all descriptors in the kernel: who holds which internet socket, and which network namespaces are held. */
import type { Btf, FeatureTable } from '@weir/ebpf';
import { offsetsHolder, sizeofHolder } from '../generated/holders.js';
import { LoadedIterator } from './loaded-iterator.js';

/** What holds a namespace: a descriptor of it, or a socket in it. */
export interface NamespaceHolder {
  readonly pid: number;
  readonly fd: number;
  readonly isSocket: boolean;
}

/** Called for each holder. */
export interface HolderVisitor {
  socket(inode: number, pid: number): void;
  /** The first one of a namespace that was found. A descriptor may be of a namespace of another type. */
  namespace(inode: number, holder: NamespaceHolder): void;
}

/** Visits all holders; replaced in tests. */
export type HolderWalk = (visitor: HolderVisitor) => void;

/** Hands out what an iterator wrote. Pure. */
export function visitHolders(bytes: Uint8Array, visitor: HolderVisitor): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const namespaces = new Set<number>();
  for (let at = 0; at + sizeofHolder <= bytes.length; at += sizeofHolder) {
    // The inode of a socket has 32 bits.
    const inode = view.getUint32(at + offsetsHolder.inode, true);
    const pid = view.getUint32(at + offsetsHolder.pid, true);
    const ns = view.getUint32(at + offsetsHolder.ns, true);
    const isSocket = inode !== 0;
    if (isSocket) visitor.socket(inode, pid);
    // A socket may be in the same namespace as one that a descriptor is of, but not the other way round.
    const key = isSocket ? -ns : ns;
    if (namespaces.has(key)) continue;
    namespaces.add(key);
    visitor.namespace(ns, { pid, fd: view.getUint32(at + offsetsHolder.fd, true), isSocket });
  }
}

/** The walk in the kernel, by a BPF iterator (5.8). */
export class Holders implements Disposable {
  readonly #iterator: LoadedIterator;

  /** undefined where the kernel has no iterators, or its types are not known. */
  static open(btf: Btf, features?: FeatureTable): Holders | undefined {
    const iterator = LoadedIterator.open({ object: 'holders.bpf.o', program: 'holders', btf, features });
    return iterator && new Holders(iterator);
  }

  private constructor(iterator: LoadedIterator) {
    this.#iterator = iterator;
  }

  readonly walk: HolderWalk = (visitor) => visitHolders(this.#iterator.link.read(), visitor);

  [Symbol.dispose](): void {
    this.#iterator[Symbol.dispose]();
  }
}
