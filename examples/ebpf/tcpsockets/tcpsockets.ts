/** Prints the TCP sockets of this network namespace: their ends, state and owner. */
import { attachIterator } from '@weir/ebpf';
import { addressText } from '../address.js';
import { run, table } from '../run.js';
import { load, readSocketRecord, sizeofSocketRecord } from './generated/tcpsockets.js';

/** include/net/tcp_states.h */
const states: Readonly<Record<number, string>> = {
  ...{ 1: 'established', 2: 'syn-sent', 3: 'syn-received', 4: 'fin-wait-1', 5: 'fin-wait-2', 6: 'time-wait' },
  ...{ 7: 'closed', 8: 'close-wait', 9: 'last-ack', 10: 'listening', 11: 'closing', 12: 'syn-received' },
};

export async function* tcpsockets(): AsyncGenerator<string> {
  using tool = load();
  using link = attachIterator(tool.programs.onSocket);
  const row = table(-12, 7, -47);
  yield row('state', 'user', 'local', 'peer');
  // Each reading walks the sockets anew, and the program writes a record for each.
  const records = link.read();
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
  for (let at = 0; at < records.length; at += sizeofSocketRecord) {
    const { ends, uid, state } = readSocketRecord(view, at);
    const local = addressText(ends.localAddress, ends.localPort);
    const peer = addressText(ends.peerAddress, ends.peerPort);
    yield row(states[state] ?? `state ${state}`, uid, local, peer);
  }
}

await run(import.meta.url, tcpsockets);
