/** A history that answers what tests want, and remembers what it was asked. */
import type { Answer, Measures } from '@weir/history/query';
import type { ApiHistory } from '../../src/api/history.js';

export const measures: Measures = {
  connections: 3,
  failures: 1,
  bytes_sent: 1000,
  bytes_received: 2000,
  segments_sent: 10,
  segments_received: 12,
  retransmits: 1,
  rate: 50,
  retransmit_ratio: 0.1,
};

const range = { from: 1_790_000_000_000_000_000n, to: 1_790_000_060_000_000_000n };

/** An answer about a minute, with a loss. */
export function answerOf<T>(result: T): Answer<T> {
  return {
    range,
    result,
    losses: [{ time: range.to - 1n, since: range.from, count: 7, place: 'ring', host_id: 1n }],
    unrecorded: [{ from: range.from, to: range.from + 1_000_000_000n }],
  };
}

/** What was asked, by the name of the question. */
export type Asked = [name: string, query: Record<string, unknown>];

/** @param overrides Questions that are answered otherwise. */
export function fakeHistory(overrides: Partial<ApiHistory> = {}) {
  const asked: Asked[] = [];
  const remember =
    <T>(name: string, result: T) =>
    async (query: unknown): Promise<Answer<T>> => {
      asked.push([name, query as Record<string, unknown>]);
      return answerOf(result);
    };
  const history: ApiHistory = {
    connections: remember('connections', { rows: [] }),
    groups: remember('groups', { groups: [], count: 0, total: measures }),
    series: remember('series', []),
    openAt: remember('openAt', { rows: [], count: 0 }),
    compare: remember('compare', {
      against: range,
      againstCoverage: { losses: [], unrecorded: [] },
      differences: [],
      count: 0,
    }),
    map: remember('map', { edges: [], count: 0 }),
    connection: remember('connection', { ends: [], opens: [], intervals: [] }),
    losses: remember('losses', null),
    hosts: async () => [],
    sql: async (query) => {
      asked.push(['sql', { ...query }]);
      return { columns: [{ name: 'n', type: 'INTEGER' }], rows: [[1]], truncated: false };
    },
    watermark: range.to,
    readOnly: false,
    ...overrides,
  };
  return { history, asked };
}
