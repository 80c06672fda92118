/** The OpenAPI document, from the descriptions of the routes. Pure. */
import { z } from 'zod';
import type { ApiRoute } from './api-route.js';
import { PROBLEM_TYPE, problemKinds } from './problem.js';

type Json = Record<string, unknown>;

/** The path below which the routes are. */
export const API_BASE = '/api/v1';

/** The path of a route from the root. */
export function pathOf({ path, isRoot = false }: Pick<ApiRoute, 'path' | 'isRoot'>): string {
  return isRoot ? path : `${API_BASE}${path}`;
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Json;
  return json;
}

function parametersOf(schema: z.ZodObject | undefined, place: 'query' | 'path'): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, default: _, ...schema }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

const problemJson = z.object({
  type: z.enum(Object.keys(problemKinds).map((kind) => `urn:weir:problem:${kind}`) as [string, ...string[]]),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  column: z.int().optional().describe('Where a filter is wrong, counted from 1.'),
  suggestion: z.string().optional().describe('What may have been meant.'),
  errors: z
    .array(z.object({ parameter: z.string(), message: z.string() }))
    .optional()
    .describe('Parameters that are wrong.'),
});

function operationOf(route: ApiRoute): Json {
  const { summary, role, query, pathParameters, body, answer, answerType } = route;
  const parameters = [...parametersOf(pathParameters, 'path'), ...parametersOf(query, 'query')];
  const content =
    answer === undefined
      ? { [answerType ?? 'application/json']: {} }
      : { 'application/json': { schema: schemaOf(answer, 'output') } };
  return {
    operationId: operationId(route),
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } },
    }),
    ...(role === 'none' && { security: [{}] }),
    'x-weir-role': role,
    responses: {
      200: { description: summary, content },
      default: { description: 'A problem (RFC 9457).', content: { [PROBLEM_TYPE]: { schema: problemRef } } },
    },
  };
}

const problemRef = { $ref: '#/components/schemas/Problem' };

function operationId({ method, path }: ApiRoute): string {
  const words = path.replace(/[{}]/g, '').split(/[/-]/).filter(Boolean);
  return [method, ...words]
    .map((word, i) => (i === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join('');
}

/** What an API is. */
export interface ApiInfo {
  /** Version of Weir. */
  readonly version: string;
  readonly summary: string;
}

/** The document. */
export function openApiDocument(routes: readonly ApiRoute[], { version, summary }: ApiInfo): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = pathOf(route);
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Weir',
      version,
      summary,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemJson, 'output') },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}
