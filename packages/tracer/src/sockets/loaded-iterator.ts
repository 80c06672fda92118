/** A BPF iterator (Linux 5.8) out of an object of this package, attached and ready to be read. */
import {
  attachIterator,
  type Btf,
  Collection,
  EbpfError,
  type FeatureTable,
  type IteratorLink,
  features as kernelFeatures,
} from '@weir/ebpf';
import { readObject } from '../objects.js';

/** Which one is loaded. */
export interface IteratorChoice {
  /** Name of the object's file. */
  readonly object: string;
  readonly program: string;
  readonly btf: Btf;
  readonly features?: FeatureTable | undefined;
}

/** Its programs and its link. */
export class LoadedIterator implements Disposable {
  readonly link: IteratorLink;
  readonly #collection: Collection;

  /** undefined where the kernel has no iterators, or refuses this one. */
  static open(choice: IteratorChoice): LoadedIterator | undefined {
    const { features = kernelFeatures } = choice;
    if (features.probe('iterators').state !== 'present') return undefined;
    try {
      return new LoadedIterator(choice, features);
    } catch (error) {
      if (error instanceof EbpfError) return undefined;
      throw error;
    }
  }

  private constructor({ object, program, btf }: IteratorChoice, features: FeatureTable) {
    this.#collection = Collection.load(readObject(object), { btf, features });
    try {
      this.link = attachIterator(this.#collection.program(program));
    } catch (error) {
      this.#collection[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.link[Symbol.dispose]();
    this.#collection[Symbol.dispose]();
  }
}
