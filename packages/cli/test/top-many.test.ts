/** `weir top` with more rows than are put in order, counted and printed at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTopFilter } from '../src/top/filter/top-filter.js';
import { jsonPieces } from '../src/top/frame-json.js';
import type { Frame } from '../src/top/model/frame.js';
import { LastSeen } from '../src/top/model/last-seen.js';
import { numbers } from '../src/top/table/column.js';
import { SortedRows } from '../src/top/table/sorted-rows.js';
import { defaultSort } from '../src/top/table/views.js';
import { connection, fakeEnrichment, noLosses, noTotals, openSocket, second } from './support/fake-live.js';

interface Row {
  readonly place: number;
  readonly rate: number | undefined;
  readonly bytes: number;
}

const COUNT = 3_000;
const rateColumn = numbers<Row>('', 0, { id: 'rate', rank: 0, value: ({ rate }) => rate, text: () => '' });
const bytesColumn = numbers<Row>('', 0, {
  id: 'bytes',
  rank: 0,
  value: ({ bytes }) => bytes,
  text: () => '',
});

/** Few different values, so that many rows are equal. */
function rows(): Row[] {
  return Array.from({ length: COUNT }, (_, place) => {
    const rate = (Math.imul(place, 2_654_435_761) >>> 0) % 7;
    return { place, rate: rate === 6 ? undefined : rate, bytes: (place * 31) % 11 };
  });
}

function expectedOrder(all: readonly Row[], sign: 1 | -1): number[] {
  const compare = (left: Row, right: Row) => {
    if (left.rate !== right.rate) {
      if (left.rate === undefined) return 1;
      return right.rate === undefined ? -1 : (left.rate - right.rate) * sign;
    }
    return (left.bytes - right.bytes) * sign || left.place - right.place;
  };
  return [...all].sort(compare).map(({ place }) => place);
}

describe('rows of which only the first are put in order', () => {
  for (const descending of [true, false]) {
    it(`are those that come first when all are sorted, ${descending ? 'descending' : 'ascending'}`, () => {
      const all = rows();
      const expected = expectedOrder(all, descending ? -1 : 1);
      for (const wanted of [0, 5, 255, 256, COUNT - 1]) {
        const sorted = new SortedRows(all, rateColumn, descending, bytesColumn);
        assert.equal(sorted.at(wanted).place, expected[wanted]);
        assert.equal(sorted.at(0).place, expected[0]);
      }
      const sorted = new SortedRows(all, rateColumn, descending, bytesColumn);
      assert.deepEqual(
        all.map((_, index) => sorted.at(index).place),
        expected,
      );
      for (const place of [0, 17, COUNT - 1]) {
        const lazy = new SortedRows(all, rateColumn, descending, bytesColumn);
        assert.equal(
          lazy.indexOf((row) => row.place === place),
          expected.indexOf(place),
        );
      }
      assert.equal(
        sorted.indexOf(() => false),
        -1,
      );
    });
  }

  it('stay as they were without a column', () => {
    const few = rows().slice(0, 300);
    const sorted = new SortedRows(few, undefined, true);
    assert.deepEqual(
      few.map((_, index) => sorted.at(index).place),
      few.map(({ place }) => place),
    );
  });
});

it('counters of connections are remembered until the next refresh', () => {
  const seen = new LastSeen();
  const of = (count: number) =>
    Array.from({ length: count }, (_, id) => ({
      ...connection('10.0.0.1:1', '192.0.2.1:443', { bytes_sent: id, bytes_received: 2 * id }),
      id,
    }));
  assert.equal(seen.find([1]).size, 0);
  seen.remember(of(COUNT));
  assert.deepEqual(
    [...seen.find([7, COUNT - 1, COUNT])],
    [
      [7, { sent: 7, received: 14 }],
      [COUNT - 1, { sent: COUNT - 1, received: 2 * (COUNT - 1) }],
    ],
  );
  seen.remember(of(5));
  assert.equal(seen.find([7]).size, 0);
  assert.equal(seen.find([4]).size, 1);
});

it('a frame of very many connections is one line of JSON, made in pieces, with all rows in order', () => {
  const comm = 'né\u{1f600}\u0085';
  const connections = Array.from({ length: COUNT }, (_, index) =>
    connection(`10.0.0.5:${index + 1}`, '192.0.2.1:443', {
      send_rate: index,
      process: { pid: 9, comm, uid: 0 },
    }),
  );
  const frame: Frame = {
    ...{ nowNs: 100 * second, connections, sockets: [openSocket('0.0.0.0:80')], ended: [] },
    ...{ totals: noTotals, lost: noLosses, unread: [], problems: ['a "problem"'] },
  };
  const query = { filter: parseTopFilter(''), sort: defaultSort('connections') };
  const pieces = jsonPieces(frame, query, fakeEnrichment, new Date(0), Number.POSITIVE_INFINITY);
  assert.ok(pieces.length > 2, `${pieces.length} pieces`);
  const text = Buffer.concat(pieces).toString();
  assert.equal(text.indexOf('\n'), text.length - 1);
  assert.doesNotMatch(text, /\u0085/);
  const parsed = JSON.parse(text);
  assert.deepEqual(Object.keys(parsed), ['time', 'totals', 'lost', 'problems', 'connections', 'listeners']);
  assert.deepEqual(parsed.problems, frame.problems);
  assert.deepEqual(
    parsed.connections.map((row: { local: { port: number } }) => row.local.port),
    Array.from({ length: COUNT }, (_, index) => COUNT - index),
  );
  assert.ok(parsed.connections.every((row: { process: { comm: string } }) => row.process.comm === comm));
  assert.equal(parsed.listeners[0].local.port, 80);
  const [only, ...more] = jsonPieces(frame, query, fakeEnrichment, new Date(0), 2);
  assert.equal(more.length, 0);
  assert.equal(JSON.parse(only!.toString()).connections.length, 2);
});
