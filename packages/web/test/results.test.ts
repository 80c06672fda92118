/** What the SQL view makes of an answer, and the settings of losses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lossesByPlace } from '../src/views/settings/losses-by-place.js';
import {
  chartOf,
  columnKind,
  csvOf,
  jsonOf,
  MOST_SERIES,
  parseSqlTime,
  tabbedOf,
} from '../src/views/sql/sql-result.js';

const column = (name: string, type: string) => ({ name, type });

describe('an answer of SQL', () => {
  it('has columns of times, numbers and text', () => {
    const types = ['TIMESTAMP_NS', 'DATE', 'HUGEINT', 'UBIGINT', 'DECIMAL(38,2)', 'DOUBLE', 'INTEGER'];
    assert.deepEqual(types.map(columnKind), ['time', 'time', ...Array(5).fill('number')]);
    const others = ['VARCHAR', 'INTEGER[]', 'TIMESTAMP[]', 'UUID', 'INTERVAL', 'STRUCT("a" INTEGER)'];
    assert.deepEqual(others.map(columnKind), Array(6).fill('text'));
  });

  it('has times in UTC', () => {
    assert.equal(parseSqlTime('2026-11-27 13:54:32.5'), Date.UTC(2026, 10, 27, 13, 54, 32, 500));
    assert.equal(parseSqlTime('2026-11-27'), Date.UTC(2026, 10, 27));
    assert.equal(parseSqlTime('2026-11-27 13:54:32+00'), Date.UTC(2026, 10, 27, 13, 54, 32));
    assert.ok(Number.isNaN(parseSqlTime('infinity')));
  });

  it('has a line for each column of numbers, in order of time', () => {
    const chart = chartOf({
      columns: [column('n', 'BIGINT'), column('t', 'TIMESTAMP'), column('m', 'DOUBLE')],
      rows: [
        ['5', '2026-01-01 00:00:20', null],
        ['3', '2026-01-01 00:00:00', 1.5],
        ['4', '2026-01-01 00:00:10', 2],
      ],
      truncated: false,
    });
    assert.equal(chart?.stepSeconds, 10);
    assert.deepEqual(chart?.series, [
      { label: 'n', values: [3, 4, 5] },
      { label: 'm', values: [1.5, 2, null] },
    ]);
  });

  it('has a line for each value of a column of text, the largest first', () => {
    const rows = Array.from({ length: 20 }, (_, index) => [
      `2026-01-01 00:00:0${index % 2}`,
      `p${Math.floor(index / 2)}`,
      String(index),
    ]);
    const chart = chartOf({
      columns: [column('t', 'TIMESTAMP'), column('comm', 'VARCHAR'), column('n', 'HUGEINT')],
      rows,
      truncated: false,
    });
    assert.deepEqual(chart?.series[0], { label: 'p9', values: [18, 19] });
    assert.equal(chart?.series.length, MOST_SERIES);
    assert.equal(chart?.leftOut, 4);
  });

  it('has no chart without times, numbers, or two moments', () => {
    const answer = (types: string[], row: unknown[]) =>
      chartOf({ columns: types.map((type) => column('c', type)), rows: [row], truncated: false });
    assert.equal(answer(['TIMESTAMP', 'BIGINT'], ['2026-01-01 00:00:00', '1']), undefined);
    assert.equal(answer(['VARCHAR', 'BIGINT'], ['x', '1']), undefined);
    assert.equal(answer(['TIMESTAMP', 'VARCHAR'], ['2026-01-01 00:00:00', 'x']), undefined);
  });

  it('is CSV that a spreadsheet takes for text, JSON, and lines for the clipboard', () => {
    const answer = {
      columns: [column('comm', 'VARCHAR'), column('n', 'BIGINT'), column('n', 'VARCHAR[]')],
      rows: [
        ['=cmd|"x",\n', '-5', ['a']],
        [null, null, null],
      ],
      truncated: false,
    };
    assert.equal(csvOf(answer), 'comm,n,n\r\n"\'=cmd|""x"",\n",-5,"[""a""]"\r\n,,\r\n');
    assert.deepEqual(JSON.parse(jsonOf(answer)), [
      { comm: '=cmd|"x",\n', n: '-5', n_2: ['a'] },
      { comm: null, n: null, n_2: null },
    ]);
    assert.equal(tabbedOf(answer), 'comm\tn\tn\n=cmd|"x", \t-5\t["a"]\n\t\t');
  });
});

describe('losses', () => {
  it('are summed by place, and have no number where one of them has none', () => {
    const at = (second: number) => `2026-01-01T00:00:0${second}.000000000Z`;
    const losses = [
      { where: 'ring', time: at(1), count: 3 },
      { where: 'collector', time: at(2) },
      { where: 'ring', time: at(3), count: 4 },
      { where: 'collector', time: at(1), count: 9 },
    ];
    assert.deepEqual(
      lossesByPlace(losses).map(({ place, spans, events }) => [place, spans, events]),
      [
        ['ring', 2, 7],
        ['collector', 2, undefined],
      ],
    );
  });
});
