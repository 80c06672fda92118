/** What the iterator over the flow table says, without a kernel. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sizeofClosedFlow, writeClosedFlow } from '../src/generated/tcp.js';
import { ClosedFlows } from '../src/hooks/closed-flows.js';

/** A table of so many entries, of which some are closed. */
function table(entries: number, closed: readonly number[], saysLast = true): ClosedFlows {
  const records = closed.map((sk) => ({ sk, idNs: sk, idCpu: 0, reserved: 0 }));
  if (saysLast) records.push({ sk: 0, idNs: Math.max(0, entries - 1), idCpu: 0, reserved: 0 });
  const bytes = new Uint8Array(records.length * sizeofClosedFlow);
  const view = new DataView(bytes.buffer);
  for (const [index, record] of records.entries()) writeClosedFlow(view, index * sizeofClosedFlow, record);
  return new ClosedFlows({
    read: () => bytes,
    isEmpty: () => entries === 0,
    remove: () => {},
    [Symbol.dispose]: () => {},
  });
}

describe('the iterator over the flow table', () => {
  it('counts entries by the place of the last', () => {
    for (const entries of [0, 1, 2, 5]) assert.equal(table(entries, []).count(), entries);
    assert.equal(table(3, [7, 8]).count(), 3);
  });

  it('counts none where a program of an earlier version does not say it', () => {
    assert.equal(table(3, [], false).count(), undefined);
    assert.equal(table(3, [7], false).count(), undefined);
  });

  it('takes what it says of the table for no closed entry', () => {
    const flows = table(3, [7, 8]);
    assert.equal(flows.look(), 2);
    assert.equal(flows.look(), 0);
    assert.equal(flows.missed, 2);
  });
});
