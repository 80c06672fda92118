/** Values of a query, which are texts, as their schema has them. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { z } from 'zod';
import { ProblemError, readQuery } from '../src/api/index.js';

const query = z.strictObject({
  port: z.int().min(0).max(65_535).exactOptional(),
  share: z.number().exactOptional(),
  force: z.boolean().exactOptional(),
  names: z.array(z.string()).exactOptional(),
  ids: z.array(z.int()).exactOptional(),
  text: z.string().exactOptional(),
});
const route = { method: 'get', path: '/x', summary: '', role: 'none', query, isQueryTyped: true } as const;

function read(text: string): unknown {
  return readQuery(route, new URLSearchParams(text));
}

it('numbers, booleans and lists in a query are what their schemas are', () => {
  assert.deepEqual(read('port=80&share=0.5&force=true&names=a,b&ids=1,2&text=80'), {
    ...{ port: 80, share: 0.5, force: true, names: ['a', 'b'], ids: [1, 2], text: '80' },
  });
  assert.deepEqual(read('share=-3&force=false'), { share: -3, force: false });
});

it('what is no such value is refused, and so are names that are not known or are there twice', () => {
  for (const text of [
    'port=',
    'port=8e1',
    'port=0x50',
    'port=Infinity',
    'port=70000',
    'port=1.5',
    'port=99999999999999999999',
  ])
    assert.throws(() => read(text), ProblemError, text);
  for (const text of [
    'force=1',
    'ids=1,x',
    'prot=1',
    'port=1&port=1',
    '__proto__=1',
    'constructor=1',
    'toString=1',
  ])
    assert.throws(() => read(text), ProblemError, text);
});

it('where queries are not typed, numbers stay texts', () => {
  const { isQueryTyped: _, ...untyped } = route;
  assert.deepEqual(readQuery(untyped, new URLSearchParams('text=80')), { text: '80' });
  assert.throws(() => readQuery(untyped, new URLSearchParams('port=80')), ProblemError);
});
