/** Subflows of MPTCP in socket diagnosis: one connection to its program. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DiagSocket, emptyDiagSocket } from '../src/sockets/inet-diag.js';
import { SubflowMerger } from '../src/sockets/mptcp-subflows.js';
import { TcpState } from '../src/sockets/tcp-state.js';

function subflow(
  localPort: number,
  mptcpToken: number,
  joined: boolean,
  sent: number,
  opened: boolean,
): DiagSocket {
  const socket = {
    ...emptyDiagSocket(),
    state: TcpState.established,
    localPort,
    mptcpToken,
    joined,
    hasInfo: true,
  };
  Object.assign(socket.info, {
    bytesAcked: sent + (opened ? 1 : 0),
    bytesSent: sent,
    bytesRetransmitted: 0,
    bytesReceived: 10,
    segmentsSent: 3,
    segmentsReceived: 2,
    retransmits: 1,
  });
  return socket;
}

describe('subflows of MPTCP', () => {
  it('are one connection, with the ends of the first and the sum of the figures', () => {
    const seen: DiagSocket[] = [];
    const merger = new SubflowMerger((socket) => void seen.push(socket));
    merger.add(subflow(1, 7, true, 100, true));
    merger.add(subflow(2, 7, false, 1000, true));
    merger.add(subflow(3, 8, false, 5, false));
    assert.equal(seen.length, 0);
    merger.flush();
    assert.deepEqual(
      seen.map(({ localPort, info }) => [localPort, info.bytesAcked, info.bytesSent, info.bytesReceived]),
      [
        [2, 1101, 1100, 20],
        [3, 5, 5, 10],
      ],
    );
    merger.flush();
    assert.equal(seen.length, 2);
  });

  it('are handed on without the first, when that has ended', () => {
    const seen: DiagSocket[] = [];
    const merger = new SubflowMerger((socket) => void seen.push(socket));
    merger.add(subflow(1, 7, true, 100, true));
    merger.flush();
    assert.deepEqual(
      seen.map(({ localPort }) => localPort),
      [1],
    );
  });

  it('leave plain sockets as they come', () => {
    const seen: number[] = [];
    const merger = new SubflowMerger(({ localPort }) => void seen.push(localPort));
    merger.add(subflow(5, 0, false, 1, true));
    assert.deepEqual(seen, [5]);
  });
});
