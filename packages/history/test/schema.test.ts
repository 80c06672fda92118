import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import {
  columnsOf,
  columnTypes,
  createTable,
  SCHEMA_VERSION,
  type TableName,
  tables,
} from '../src/schema/index.js';

const names = Object.keys(tables) as TableName[];

describe('the schema', () => {
  test('makes each table with the types of its columns', async () => {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    for (const table of names) {
      await connection.run(createTable(table, tables[table]));
      const reader = await connection.runAndReadAll(`DESCRIBE ${table}`);
      const found = reader.getRows().map(([name, type, nullable]) => [name, type, nullable]);
      assert.deepEqual(
        found,
        columnsOf(table).map(([name, { kind, optional }]) => [
          name,
          columnTypes[kind],
          optional ? 'YES' : 'NO',
        ]),
      );
    }
    connection.closeSync();
    instance.closeSync();
  });

  test('has no column from a later version than its own', () => {
    for (const table of names) {
      for (const [name, { since }] of columnsOf(table))
        assert.ok(since <= SCHEMA_VERSION, `${table}.${name}`);
    }
  });

  test('derives an address column only from a column of text in the same table', () => {
    for (const table of names) {
      const columns = new Map(columnsOf(table));
      for (const [name, { kind, of }] of columns) {
        assert.equal(kind === 'address', of !== undefined, name);
        if (of !== undefined) assert.equal(columns.get(of)?.kind, 'text', name);
      }
    }
  });
});
