/** What the SQL view knows of a statement. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptWord, completeSql, type SqlTable } from '../src/views/sql/sql-completion.js';
import { bindRange, mistakeOf, offsetOf, placeOf, tokensOf } from '../src/views/sql/sql-text.js';

const kinds = (sql: string) => tokensOf(sql).map(({ kind, from, to }) => `${kind} ${sql.slice(from, to)}`);

describe('a statement', () => {
  it('has keywords, names, functions, strings, numbers and comments', () => {
    assert.deepEqual(kinds(`select count(x) -- a 'b\nFROM "from" WHERE a='it''s' AND b > 1.5e3 /* $to`), [
      'keyword select',
      'function count',
      'other (',
      'name x',
      'other )',
      "comment -- a 'b",
      'keyword FROM',
      'name "from"',
      'keyword WHERE',
      'name a',
      'other =',
      "string 'it''s'",
      'keyword AND',
      'name b',
      'other >',
      'number 1.5e3',
      'comment /* $to',
    ]);
  });

  it('has every character in at most one part, whatever it is', () => {
    for (const sql of ["'", '"', '/*', '$from$to', '\u{1f600}\u202e', '--', "a'b'c", '1..2', '\0']) {
      const ends = tokensOf(sql).flatMap(({ from, to }) => [from, to]);
      assert.deepEqual(
        ends,
        [...ends].sort((a, b) => a - b),
        sql,
      );
    }
  });

  it('gets the range in place of $from and $to, but not within strings, names and comments', () => {
    const sql = `SELECT '$from' FROM ends\nWHERE time > $from AND time < $TO -- $to`;
    const bound = bindRange(sql, '1970-01-01T00:00:00Z', '1970-01-02T00:00:00Z');
    assert.equal(
      bound.text,
      `SELECT '$from' FROM ends\nWHERE time > TIMESTAMP_NS '1970-01-01T00:00:00Z' AND time < TIMESTAMP_NS '1970-01-02T00:00:00Z' -- $to`,
    );
    assert.ok(bound.hasRange);
    assert.ok(!bindRange("SELECT '$from'", '', '').hasRange);
    assert.ok(!bindRange('SELECT $fromage', '', '').hasRange);
  });

  it('has its mistakes where they were written', () => {
    const sql = 'SELECT 1 FROM ends\nWHERE time > $from AND tme < 1';
    const { text, placeBefore } = bindRange(sql, '1970-01-01T00:00:00Z', '');
    const column = text.split('\n')[1]!.indexOf('tme') + 1;
    const { message, offset } = mistakeOf(`sql: line 2, column ${column}: there is no tme`, text);
    assert.equal(message, 'there is no tme');
    assert.equal(placeBefore(offset!), sql.indexOf('tme'));
    assert.equal(placeBefore(text.indexOf('1970')), sql.indexOf('$from'), 'within what was put in');
    assert.equal(placeBefore(3), 3);
    assert.deepEqual(placeOf(sql, sql.indexOf('tme')), { line: 2, column: 24 });
    const long = mistakeOf('sql: line 2: column "TME" not found, but "time"', text);
    assert.equal(placeBefore(long.offset!), sql.indexOf('tme'), 'a line that is too long to have columns');
    assert.equal(mistakeOf('sql: line 2: "ends" not found', text).offset, undefined);
    assert.deepEqual(mistakeOf('sql: too much', text), { message: 'too much', offset: undefined });
  });

  it('counts columns in code points, as the server does', () => {
    assert.equal(offsetOf("SELECT '\u{1f600}' x", 1, 12), "SELECT '\u{1f600}' x".indexOf('x'));
    assert.equal(offsetOf('a', 9, 9), 1, 'a place behind the end is the end');
  });
});

const tables: readonly SqlTable[] = [
  {
    name: 'ends',
    columns: [
      { name: 'time', type: 'TIMESTAMP_NS' },
      { name: 'peer_address', type: 'VARCHAR' },
      { name: 'peer_port', type: 'USMALLINT' },
    ],
  },
  { name: 'losses', columns: [{ name: 'place', type: 'VARCHAR' }] },
];
const wordsAt = (marked: string, isAsked = false) => {
  const cursor = marked.indexOf('|');
  return completeSql(marked.replace('|', ''), cursor, tables, isAsked).list.map(({ text }) => text);
};

describe('completion', () => {
  it('offers tables behind FROM, and columns of the tables that are named', () => {
    assert.deepEqual(wordsAt('SELECT * FROM |', true), ['ends', 'losses']);
    assert.deepEqual(wordsAt('SELECT * FROM e|'), ['ends']);
    assert.deepEqual(wordsAt('SELECT pe| FROM ends').slice(0, 2), ['peer_address', 'peer_port']);
    assert.equal(wordsAt('SELECT pl| FROM ends').includes('place'), false);
    assert.deepEqual(wordsAt('SELECT ends.| FROM ends', true), ['time', 'peer_address', 'peer_port']);
    assert.deepEqual(wordsAt('SELECT address| FROM ends'), ['peer_address'], 'also within a name');
  });

  it('offers keywords, functions and the range, and nothing in strings and comments', () => {
    assert.ok(wordsAt('sel|').includes('SELECT'));
    assert.ok(wordsAt('SELECT quant|').includes('quantile_cont('));
    assert.deepEqual(wordsAt('SELECT * FROM ends WHERE time > $|'), ['$from', '$to']);
    assert.deepEqual(wordsAt("SELECT 'pe|er'"), []);
    assert.deepEqual(wordsAt('SELECT 1 -- pe|'), []);
    assert.deepEqual(wordsAt('SELECT |'), [], 'nothing until it is asked for');
    assert.deepEqual(wordsAt('SELECT time| FROM ends'), [], 'what is there already');
  });

  it('puts a word in place of what is typed', () => {
    const sql = 'SELECT pee FROM ends';
    const suggestions = completeSql(sql, 10, tables);
    const { text, cursor } = acceptWord(sql, suggestions, suggestions.list[1]!);
    assert.equal(text, 'SELECT peer_port FROM ends');
    assert.equal(cursor, 'SELECT peer_port'.length);
    const call = completeSql('SELECT su(x)', 9, tables);
    assert.equal(acceptWord('SELECT su(x)', call, { text: 'sum(', help: '' }).text, 'SELECT sum(x)');
  });
});
