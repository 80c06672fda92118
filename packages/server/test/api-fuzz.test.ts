import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startApi } from './support/api.js';
import { fakeHistory } from './support/fake-history.js';
import { randomNumbers } from './support/random.js';

const paths = [
  ...['/connections', '/groups', '/series', '/compare', '/map', '/open-at', '/losses', '/hosts', '/export'],
  ...['/connections/0.0', '/connections/..%2f..', '/connections/%00', '/status', '/nothing', '/', '//'],
];
const names = [
  ...['range', 'zone', 'filter', 'limit', 'cursor', 'by', 'order', 'step', 'at', 'against', 'percentiles'],
  ...['peers', '__proto__', 'constructor', '', 'a[b]', 'toString'],
];
const values = [
  ...['', '-1h', '10:32..', '..', '-999999999999d', '@99999999999', '1969-12-31T23:59:59Z..now', 'now..-1h'],
  ...[
    '0',
    '-1',
    '1e9',
    '9999999999999999999999',
    'NaN',
    '1',
    '100000',
    '0.5,1',
    ',,,',
    'process',
    'process,process',
  ],
  ...['port=1', '(((((', 'not not not', 'a'.repeat(5000), '\u0000', '%', '日本', "'; DROP TABLE ends; --"],
  ...[
    'UTC',
    'Europe/Berlin',
    '../../etc/passwd',
    '1_2_3',
    '-1_1_0.0.0.0.0.0',
    '0_1_zzzzzzzzzzzzz',
    'hasOwnProperty',
  ],
];

describe('random parameters', () => {
  it('get an answer, and never one that something went wrong inside', async () => {
    const next = randomNumbers(7);
    const { history } = fakeHistory();
    await using api = await startApi({ history, onError: (error) => assert.fail(error as Error) });
    const statuses = new Map<number, number>();
    for (let i = 0; i < 3000; i++) {
      const path = paths[next(paths.length)]!;
      const parameters = Array.from({ length: next(4) }, () => {
        const name = names[next(names.length)]!;
        const value = values[next(values.length)]!;
        return `${encodeURIComponent(name)}=${next(10) === 0 ? value.replace(/[^\x20-\x7e]/g, '') : encodeURIComponent(value)}`;
      });
      const place = `${path}?${parameters.join('&')}`;
      const response = await api.get(place);
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      assert.ok([200, 400, 404, 501].includes(response.status), `${response.status} ${place}`);
    }
    assert.ok(
      (statuses.get(200) ?? 0) > 100 && (statuses.get(400) ?? 0) > 500,
      JSON.stringify([...statuses]),
    );
  });

  it('in bodies get an answer, and never one that something went wrong inside', async () => {
    const next = randomNumbers(8);
    const { history } = fakeHistory();
    await using api = await startApi({ history, onError: (error) => assert.fail(error as Error) });
    const parts = [
      '{',
      '}',
      '[',
      ']',
      '"sql"',
      ':',
      ',',
      '"x"',
      '1',
      'null',
      '"limit"',
      '1e999',
      '"\\ud800"',
      ' ',
      '__proto__',
    ];
    for (let i = 0; i < 500; i++) {
      const body = Array.from({ length: next(12) }, () => parts[next(parts.length)]!).join('');
      const response = await api.get('/sql', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      await response.arrayBuffer();
      assert.ok([200, 400].includes(response.status), `${response.status} ${body}`);
    }
  });
});
