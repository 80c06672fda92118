/** Instances of a service, as Consul's API answers. Pure functions. */
import type { FoundReal } from './found-real.js';

type Json = Readonly<Record<string, unknown>>;

/** Reads the answer to `/v1/health/service/NAME`. @throws Error for what is none */
export function readHealthAnswer(answer: unknown): FoundReal[] {
  if (!Array.isArray(answer)) throw new Error('the answer is no list of instances');
  return answer.map((entry: unknown) => {
    const service = objectOf(objectOf(entry).Service);
    const node = objectOf(objectOf(entry).Node);
    const address = textOf(service.Address) ?? textOf(node.Address) ?? '';
    const { Port: port } = service;
    const { Passing: weight } = objectOf(service.Weights);
    return {
      address,
      // A service without a port has 0.
      ...(typeof port === 'number' && port !== 0 && { port }),
      ...(typeof weight === 'number' && { weight }),
    };
  });
}

/**
 * From where the next question waits: Consul's index must be a number above 0, and start anew where it went back.
 *
 * @param before The index of the last answer; 0 at first.
 */
export function nextIndex(header: string | undefined, before: number): number {
  const index = /^\d{1,19}$/.test(header ?? '') ? Number(header) : 0;
  return index < before ? 0 : index;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
