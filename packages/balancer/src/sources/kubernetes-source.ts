/** Reals from a Service of Kubernetes, whose EndpointSlices are watched. */
import { accessOf, type KubernetesObjects, KubernetesWatch } from '@weir/http/kubernetes';
import type { SourceConfig } from '../config/source-schema.js';
import { readSlices, type SliceChoice, sliceName } from './endpoint-slices.js';
import type { Source, SourceEvents } from './source.js';

type KubernetesConfig = NonNullable<SourceConfig['from']['kubernetes']>;

/** Follows the endpoints of a Service. @throws OptionError outside of a cluster */
export function kubernetesSource(
  { service, namespace, portName, ...access }: KubernetesConfig,
  addressType: SliceChoice['addressType'],
  events: SourceEvents,
): Source {
  const options = {
    access: accessOf(access),
    path: `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`,
    labelSelector: `kubernetes.io/service-name=${service}`,
  };
  return new KubernetesWatch(options, new Slices({ addressType, portName }, events));
}

class Slices implements KubernetesObjects {
  readonly #choice: SliceChoice;
  readonly #events: SourceEvents;
  #slices = new Map<string, unknown>();

  constructor(choice: SliceChoice, events: SourceEvents) {
    this.#choice = choice;
    this.#events = events;
  }

  replace(slices: readonly unknown[]): void {
    this.#slices = new Map(slices.flatMap((slice) => named(slice)));
  }

  change(slice: unknown, isGone: boolean): void {
    for (const [name] of named(slice)) {
      if (isGone) this.#slices.delete(name);
      else this.#slices.set(name, slice);
    }
    this.works();
  }

  works(): void {
    this.#events.answer(readSlices(this.#slices.values(), this.#choice));
  }

  fails(error: Error): void {
    this.#events.fails(error);
  }
}

function named(slice: unknown): [string, unknown][] {
  const name = sliceName(slice);
  return name === undefined ? [] : [[name, slice]];
}
