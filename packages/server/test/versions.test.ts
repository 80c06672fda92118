import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agree } from '../src/wire/versions.js';

const server = { protocols: [2, 4], version: '0.2.0', schema: 3 } as const;
const collector = { protocols: [2, 4] as [number, number], version: '0.1.0', schema: 3, epochs: [] };

describe('versions of collector and server', () => {
  it('agree on the newest protocol that both speak', () => {
    assert.deepEqual(agree(server, collector), { protocol: 4 });
    assert.deepEqual(agree(server, { ...collector, protocols: [1, 3] }), { protocol: 3 });
    assert.deepEqual(agree(server, { ...collector, protocols: [3, 9] }), { protocol: 4 });
  });

  it('allow a collector that writes an older schema', () => {
    assert.deepEqual(agree(server, { ...collector, schema: 1 }), { protocol: 4 });
  });

  it('refuse a collector that writes a newer schema, and say which process to restart', () => {
    assert.deepEqual(agree(server, { ...collector, version: '0.3.0', schema: 4 }), {
      refusal:
        'the collector is Weir 0.3.0, the server Weir 0.2.0: the collector writes version 4 of the history, the server ' +
        'knows 3 at most; restart the server with the newer Weir',
    });
  });

  it('refuse each other without a common protocol, and say which process is the older one', () => {
    const refusal = (protocols: [number, number]) => agree(server, { ...collector, protocols });
    assert.match(JSON.stringify(refusal([1, 1])), /restart the collector with the newer Weir/);
    assert.match(JSON.stringify(refusal([5, 6])), /restart the server with the newer Weir/);
  });
});
