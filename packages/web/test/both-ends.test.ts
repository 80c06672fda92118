/** Both ends of a connection in words, and hosts that are lacking. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConnectionAnswer, EndedConnection, Joined } from '../src/api/api-types.js';
import { withAnswer } from '../src/api/missing-hosts.js';
import { bothEnds, endsRows } from '../src/views/connection/ends-table.js';

const base = {
  ...({ event: 'close', time: '2026-11-26T10:00:00.000000000Z', monotonic_ns: 1 } as const),
  network: { transport: 'tcp', type: 'ipv4' } as const,
  connection_id: '0000000000000001',
};
const client: EndedConnection = {
  ...{ ...base, host: 'a', flow_id: '1.0', process: { comm: 'curl' } },
  ...{ local: { address: '10.2.0.2', port: 4000 }, peer: { address: '10.9.0.2', port: 80 } },
};
const server: EndedConnection = {
  ...{ ...base, host: 'b', flow_id: '2.1', process: { comm: 'nginx' } },
  ...{ local: { address: '10.3.0.2', port: 8080 }, peer: { address: '10.9.0.1', port: 4000 } },
};
const joined: Joined = {
  by: 'id',
  client: { host: 'a', flow_id: '1.0', local: client.local },
  server: { host: 'b', flow_id: '2.1', local: server.local },
  others: 0,
  translations: [
    { of: 'client', part: 'address', own: '10.2.0.2', seen: '10.9.0.1' },
    { of: 'server', part: 'address', own: '10.3.0.2', seen: '10.9.0.2' },
  ],
  to_server: { sent: 3000, received: 1000, missing: 2000 },
  to_client: { sent: 5 },
  ...{ retransmits: { client: 2, server: 0 }, srtt_us: {}, handshake_us: { client: 900 }, duration_us: {} },
  ...{ closed_by: { client: 'timeout', server: 'local' }, clock_us: { least: 2_000_000 } },
};
const answer = { connections: [server, client], open: [], joined: [joined] } as unknown as ConnectionAnswer;

describe('both ends of a connection', () => {
  it('are found from either of them, and not from another', () => {
    for (const own of [client, server]) assert.equal(bothEnds(answer, own)?.client, client);
    assert.equal(bothEnds(answer, { ...client, flow_id: '9.0' }), undefined);
    assert.equal(bothEnds({ ...answer, joined: [] }, client), undefined);
  });

  it('have a row for all that is known, which says what differs', () => {
    const rows = endsRows(bothEnds(answer, client)!, (host) => `host ${host}`);
    const shown = Object.fromEntries(
      rows.map(({ name, client: a, server: b, note, isBad }) => [name, [a, b, note, isBad]]),
    );
    assert.deepEqual(shown.Host, ['host a', 'host b', '', false]);
    assert.deepEqual(shown["Server's address"], [
      ...['10.9.0.2:80', '10.3.0.2:8080'],
      ...['The client sees another address, which is rewritten in between (NAT)', false],
    ]);
    assert.deepEqual(shown['Bytes to the server'], [
      '3 kB sent',
      '1 kB received',
      '2 kB did not arrive',
      true,
    ]);
    assert.deepEqual(shown['Bytes to the client'], [undefined, '5 B sent', '', false]);
    assert.deepEqual(shown['Sent again'], ['2', '0', '', false]);
    assert.deepEqual(shown['Closed by'], ['timeout', 'local', 'They do not agree', false]);
    assert.equal(shown.Clocks?.[2], "The server's is 2 s or more ahead");
    assert.ok(!('Round trip' in shown) && !('Duration' in shown));
  });
});

describe('hosts that are lacking', () => {
  const away = { host: 'db', answered: false, reason: 'no answer' };

  it('are those of all answers that came together, each once', () => {
    const first = withAnswer([], [away], 1000);
    const second = withAnswer(first, [], 2000);
    const third = withAnswer(second, [{ ...away, reason: 'refused' }], 3000);
    assert.deepEqual(second, first);
    assert.deepEqual(third, [{ ...away, reason: 'refused', at: 3000 }]);
  });

  it('are no longer there when later answers have them', () => {
    assert.deepEqual(withAnswer(withAnswer([], [away], 1000), [], 7000), []);
  });
});
