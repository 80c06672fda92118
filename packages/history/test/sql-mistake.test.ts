import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OptionError } from '@weir/ebpf/errors';
import { querySql } from '../src/query/index.js';
import { openStore } from './support/store.js';

describe('a statement that is wrong', () => {
  const mistakes: readonly (readonly [sql: string, message: RegExp])[] = [
    ['SELEC 1', /^sql: line 1, column 1: syntax error at or near "SELEC"$/],
    ['SELECT a,\n  b FROM ends,, c', /^sql: line 2, column 15: syntax error at or near ","$/],
    ["SELECT '€€' FROM FROM", /^sql: line 1, column 18: /],
    ['SELECT comm FROM ends WHERE', /^sql: line 1, column 28: syntax error at end of input$/],
    ['SELECT nothing FROM ends', /^sql: line 1, column 8: Referenced column "nothing" not found .*: .*$/],
    ['SELECT\n\n  1 + foo(2)', /^sql: line 3, column 7: Scalar Function with name foo does not exist! /],
    [`SELECT '${'x'.repeat(200)}', nothing FROM ends`, /^sql: line 1: Referenced column "nothing" /],
    ['SELECT sum(comm) FROM ends', /^sql: line 1, column 8: No function matches .*casts\.$/],
    [
      "FROM '/etc/passwd'",
      /^sql: line 1, column 6: there is no table "\/etc\/passwd": there are ends, .*losses, .*$/,
    ],
    ['FROM "a\nb"', /^sql: line 1, column 6: there is no table "a\\nb": /],
    ["SELECT strptime('x', 'y')", /^sql: Could not parse string "x" .*$/],
  ];
  for (const [sql, message] of mistakes)
    it(`is answered in one line that says where: ${JSON.stringify(sql.slice(0, 30))}`, async (context) => {
      const store = await openStore(context);
      await assert.rejects(querySql(store, { sql }), (error) => {
        assert.ok(error instanceof OptionError);
        assert.match(error.message, message);
        return true;
      });
    });
});
