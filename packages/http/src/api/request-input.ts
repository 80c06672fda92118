/** Reads what a request says, by the schemas of its route. */
import { findings, knownKeys } from '@weir/config';
import type { z } from 'zod';

import type { ApiRoute } from './api-route.js';
import { ProblemError } from './problem.js';
import { typedValues } from './typed-values.js';

/** The longest body of a request with JSON, bytes. */
export const MAX_BODY_BYTES = 1_000_000;

/** The parameters behind the question mark. @throws ProblemError */
export function readQuery(route: ApiRoute, parameters: URLSearchParams): unknown {
  const values: Record<string, string> = {};
  for (const [name, value] of parameters) {
    if (Object.hasOwn(values, name)) throw problemOf([{ parameter: name, message: 'it is there twice' }]);
    // A name such as __proto__ must be a property like any other.
    Object.defineProperty(values, name, { value, enumerable: true });
  }
  if (route.query !== undefined)
    return check(route.query, route.isQueryTyped === true ? typedValues(route.query, values) : values);
  const [unknown] = Object.keys(values);
  if (unknown !== undefined) throw problemOf([{ parameter: unknown, message: 'it is not known here' }]);
  return {};
}

/** The parameters in the path. @throws ProblemError */
export function readPath(route: ApiRoute, parameters: Readonly<Record<string, string>>): unknown {
  return route.pathParameters === undefined ? {} : check(route.pathParameters, parameters);
}

/** A request as it comes with a body. */
export interface BodySource {
  readonly headers: { get(name: string): string | null };
  /** Pieces of bytes. */
  readonly body: unknown;
}

/** The body. @throws ProblemError */
export async function readBody(route: ApiRoute, request: BodySource): Promise<unknown> {
  if (route.body === undefined) return undefined;
  const type = request.headers.get('content-type') ?? '';
  if (!/^application\/json *(?:;|$)/i.test(type))
    throw new ProblemError('media-type', 'the body must be application/json');
  const encoding = request.headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity')
    throw new ProblemError('media-type', 'the body must not be compressed: leave out content-encoding');
  const text = await readText(request, route.maxBody ?? MAX_BODY_BYTES);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProblemError('request', `the body is no JSON: ${(error as Error).message}`);
  }
  return check(route.body, value);
}

/** The body as text. Stops reading where it is too long, whatever its headers say. @param most Bytes. @throws ProblemError */
export async function readText(request: BodySource, most: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += piece.length;
    if (bytes > most) throw new ProblemError('too-long', `the body may have ${most} bytes at most`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function check(schema: z.ZodType, value: unknown): unknown {
  const { data, error } = schema.safeParse(value, { reportInput: true });
  if (error === undefined) return data;
  const errors = findings(error.issues, { known: (path) => knownKeys(schema, path) }).map(
    ({ path, key, message }) => ({
      parameter: key ?? path.map(String).join('.'),
      message: message.slice(0, 300),
    }),
  );
  throw problemOf(errors);
}

function problemOf(
  errors: readonly { readonly parameter: string; readonly message: string }[],
): ProblemError {
  const [first] = errors;
  const detail = first === undefined ? 'a parameter makes no sense' : describe(first);
  return new ProblemError('request', detail, { errors: errors.slice(0, 20) });
}

function describe({ parameter, message }: { readonly parameter: string; readonly message: string }): string {
  return message.startsWith(parameter) ? message : `${parameter.slice(0, 100)}: ${message}`;
}
