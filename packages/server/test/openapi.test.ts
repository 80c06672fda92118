import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApi } from './support/api.js';
import { fakeHistory } from './support/fake-history.js';

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    name: string;
    in: string;
    required: boolean;
    description?: string;
    schema: object;
  }[];
  readonly requestBody?: object;
  readonly responses: Readonly<Record<string, { content: Record<string, { schema?: object }> }>>;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Record<string, object> };
}

async function document(): Promise<Document> {
  await using api = await startApi({ history: fakeHistory().history });
  return (await (await api.get('/openapi.json')).json()) as Document;
}

function operations({ paths }: Document): [path: string, method: string, operation: Operation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [
      path,
      method,
      operation,
    ]),
  );
}

describe('the OpenAPI document', () => {
  it('is of version 3.1, and lists every route', async () => {
    const { openapi, info, paths } = await document();
    assert.equal(openapi, '3.1.0');
    assert.equal(info.version, '1.2.3');
    assert.deepEqual(
      Object.keys(paths).map((path) => path.replace('/api/v1/', '')),
      [
        ...[
          'connections',
          'connections/{id}',
          'groups',
          'series',
          'compare',
          'map',
          'open-at',
          'losses',
          'hosts',
        ],
        ...['sql', 'export', 'parquet', 'import', 'stream', 'peer'],
        ...['balancer', 'balancer/series', 'balancer/changes', 'balancer/lookup'],
        ...['session', 'health', 'ready', 'status', 'server', '/metrics'],
      ],
    );
  });

  it('describes each operation, its parameters and its answers', async () => {
    const all = operations(await document());
    assert.equal(new Set(all.map(([, , { operationId }]) => operationId)).size, all.length);
    for (const [path, method, { summary, parameters = [], responses }] of all) {
      const place = `${method} ${path}`;
      assert.match(summary, /^[A-Z].*\.$/, place);
      for (const { name, description } of parameters) assert.ok(description, `${place} ${name}`);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        inPath.map(({ name, required }) => [name, required]),
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, true]),
      );
      assert.ok(responses['200'] && responses.default, place);
    }
  });

  it('refers to nothing that is not in it', async () => {
    const whole = await document();
    for (const [, name] of JSON.stringify(whole).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
      assert.ok(Object.hasOwn(whole.components.schemas, name!), name);
    assert.ok(!JSON.stringify(whole).includes('#/$defs'));
  });

  it('has the same limits as the checks', async () => {
    const connections = (await document()).paths['/api/v1/connections']!.get!;
    const names = connections.parameters!.map(({ name }) => name);
    assert.deepEqual(names, ['range', 'zone', 'source', 'filter', 'order', 'limit', 'cursor', 'skip']);
    assert.ok(connections.parameters!.every(({ required }) => !required));
    assert.match(JSON.stringify(connections.parameters), /up to 10000/);
  });
});
