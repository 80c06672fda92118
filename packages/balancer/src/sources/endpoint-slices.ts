/** Reals from EndpointSlices of Kubernetes. Pure functions. */
import type { FoundReal } from './found-real.js';

type Json = Readonly<Record<string, unknown>>;

/** What is wanted of slices. */
export interface SliceChoice {
  /** Endpoints have both families where the cluster has: each once is enough. */
  readonly addressType: 'IPv4' | 'IPv6';
  /** The name of the port. Undefined: the first one. */
  readonly portName: string | undefined;
}

/** The name of a slice; undefined for what is none. */
export function sliceName(slice: unknown): string | undefined {
  const { name } = objectOf(objectOf(slice).metadata);
  return typeof name === 'string' ? name : undefined;
}

/** The ready endpoints of slices. */
export function readSlices(slices: Iterable<unknown>, { addressType, portName }: SliceChoice): FoundReal[] {
  return [...slices].flatMap((value) => {
    const slice = objectOf(value);
    if (slice.addressType !== addressType) return [];
    const ports = listOf(slice.ports).map(objectOf);
    const port = portName === undefined ? ports[0] : ports.find(({ name }) => name === portName);
    // A slice without the port is of another one's endpoints.
    if (portName !== undefined && port === undefined) return [];
    const number = port?.port;
    return listOf(slice.endpoints)
      .map(objectOf)
      .flatMap(({ addresses, conditions }) => {
        const [address] = listOf(addresses);
        // What is not known counts as ready.
        if (objectOf(conditions).ready === false || typeof address !== 'string') return [];
        return [{ address, ...(typeof number === 'number' && { port: number }) }];
      });
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
