import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { columnsOf, columnTypes, type TableName, tables } from '../src/schema/index.js';

const page = readFileSync(new URL('../../../../docs/history.md', import.meta.url), 'utf8');

test('docs/history.md describes every column of every table', () => {
  for (const table of Object.keys(tables) as TableName[]) {
    assert.ok(page.includes(`### ${table}\n`), table);
    for (const [name, { kind, help }] of columnsOf(table)) {
      const row = `| \`${name}\` | ${columnTypes[kind]} | ${help} |`;
      assert.ok(page.includes(row), `${table}.${name}: ${row}`);
    }
  }
});
