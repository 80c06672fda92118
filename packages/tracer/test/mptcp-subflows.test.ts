/** Subflows of MPTCP in socket diagnosis: one connection to its program. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DiagSocket, emptyDiagSocket } from '../src/sockets/inet-diag.js';
import { encodeMptcpRequest, readMptcpReply } from '../src/sockets/mptcp-diag.js';
import { MptcpIdentities, SubflowMerger } from '../src/sockets/mptcp-subflows.js';
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

  it('keep what identifies the first, when that has ended', () => {
    const seen: DiagSocket[] = [];
    const identities = new MptcpIdentities();
    for (const subflows of [
      [subflow(1, 7, true, 100, true), subflow(2, 7, false, 1000, true)],
      [subflow(1, 7, true, 100, true)],
      [subflow(1, 7, true, 100, true), subflow(2, 7, false, 1000, true)],
    ]) {
      const merger = new SubflowMerger((socket) => void seen.push(socket), identities);
      for (const socket of subflows) merger.add({ ...socket, cookie: 10 + socket.localPort });
      merger.flush();
      identities.endReading();
    }
    assert.deepEqual(
      seen.map(({ localPort, cookie, payload }) => [localPort, cookie, payload]),
      [
        [2, 12, undefined],
        [2, 12, { sent: 1100, received: 20 }],
        [2, 12, undefined],
      ],
    );
    // Forgotten by a reading that did not find it.
    identities.endReading();
    new SubflowMerger(() => undefined, identities).flush();
    const merger = new SubflowMerger((socket) => void seen.push(socket), identities);
    merger.add(subflow(1, 7, true, 100, true));
    merger.flush();
    assert.equal(seen.at(-1)?.localPort, 1);
  });

  it('have the ends and the payload that socket diagnosis shows of the connection', () => {
    const reply = Buffer.alloc(72 + 4 + 80);
    reply[0] = 2;
    reply.writeUInt16BE(4000, 4);
    reply.writeUInt16BE(80, 6);
    reply.writeUInt32LE(99, 44);
    reply.writeUInt16LE(84, 72);
    reply.writeUInt16LE(2, 74);
    const info = reply.subarray(76);
    info.writeUInt32LE(7, 12);
    for (const [at, value] of [
      [56, 500n],
      [64, 20n],
      [72, 501n],
    ] as const)
      info.writeBigUInt64LE(value, at);
    const read = () =>
      readMptcpReply(new DataView(reply.buffer, reply.byteOffset, reply.length), 0, reply.length);
    const connection = read();
    assert.deepEqual(connection?.payload, { sent: 500, received: 20 }, 'without the end of the data');
    const seen: DiagSocket[] = [];
    const merger = new SubflowMerger((socket) => void seen.push(socket));
    merger.add(subflow(1, 7, true, 100, true));
    merger.flush(new Map([[7, connection]]));
    assert.deepEqual(
      seen.map(({ localPort, peerPort, cookie, payload }) => [localPort, peerPort, cookie, payload]),
      [[4000, 80, 99, { sent: 500, received: 20 }]],
    );
    info.writeUInt32LE(1, 8);
    assert.equal(read()?.payload, undefined, 'it goes on as plain TCP');
    assert.equal(Buffer.from(encodeMptcpRequest(2)).subarray(56).toString('hex'), '0800030006010000');
  });

  it('leave plain sockets as they come', () => {
    const seen: number[] = [];
    const merger = new SubflowMerger(({ localPort }) => void seen.push(localPort));
    merger.add(subflow(5, 0, false, 1, true));
    assert.deepEqual(seen, [5]);
  });
});
