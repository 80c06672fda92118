/** Names of Pods and Services of a cluster by their addresses, kept up to date by watching. */
import { type KubernetesAccess, type KubernetesObjects, KubernetesWatch } from '@weir/http/kubernetes';
import { type KubernetesKind, type NamedObject, readObject } from './kubernetes-objects.js';

/** Services come before pods: a Service's address is no pod's. */
const kinds = ['services', 'pods'] as const satisfies readonly KubernetesKind[];

/** What is watched, and how soon again after a failure. */
export interface KubernetesOptions {
  readonly access: KubernetesAccess;
  /** Reports that the API does not answer, or answers again. */
  readonly say: (message: string) => void;
  readonly leastWaitMs?: number;
}

/** Watches until it is disposed of. While the API is away, what was known last counts. */
export class KubernetesNames implements Disposable {
  readonly #kinds: readonly NamesOfKind[];
  readonly #watches: readonly KubernetesWatch[];

  constructor({ say, ...options }: KubernetesOptions) {
    this.#kinds = kinds.map((kind) => new NamesOfKind(kind, say));
    this.#watches = this.#kinds.map((objects, index) => {
      const path = `/api/v1/${kinds[index]}`;
      return new KubernetesWatch({ ...options, path }, objects);
    });
  }

  /** The name of whoever has an address; undefined where nobody of the cluster has it. */
  nameOf(address: string): string | undefined {
    for (const { names } of this.#kinds) {
      const name = names.get(address);
      if (name !== undefined) return name;
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const watch of this.#watches) watch[Symbol.dispose]();
  }
}

/** The objects of one kind. */
class NamesOfKind implements KubernetesObjects {
  readonly #kind: KubernetesKind;
  readonly #say: (message: string) => void;
  readonly names = new Map<string, string>();
  #objects = new Map<string, NamedObject>();
  #problem: string | undefined;

  constructor(kind: KubernetesKind, say: (message: string) => void) {
    this.#kind = kind;
    this.#say = say;
  }

  replace(values: readonly unknown[]): void {
    const objects = values.flatMap((value) => readObject(this.#kind, value) ?? []);
    this.#objects = new Map(objects.map((object) => [object.key, object]));
    this.names.clear();
    for (const object of this.#objects.values()) this.#name(object);
  }

  change(value: unknown, isGone: boolean): void {
    const object = readObject(this.#kind, value);
    if (object === undefined) return;
    const earlier = this.#objects.get(object.key);
    for (const address of earlier?.addresses ?? [])
      if (this.names.get(address) === object.name) this.names.delete(address);
    if (isGone) {
      this.#objects.delete(object.key);
      return;
    }
    this.#objects.set(object.key, object);
    this.#name(object);
  }

  works(): void {
    if (this.#problem !== undefined) this.#say(`kubernetes: ${this.#kind} are watched again`);
    this.#problem = undefined;
  }

  fails({ message }: Error): void {
    const text = message.replaceAll(/\s+/g, ' ');
    if (this.#problem === undefined)
      this.#say(`kubernetes: ${this.#kind}: ${text}; what was known before still counts`);
    this.#problem = text;
  }

  #name({ addresses, name }: NamedObject): void {
    for (const address of addresses) this.names.set(address, name);
  }
}
