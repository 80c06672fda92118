/** Prints each TCP connection that has ended: whose it was, how long it lasted, and how much it moved. */
import { addressText } from '../address.js';
import { run, table } from '../run.js';
import { load } from './generated/tcplife.js';

/** @param options `netns`: only the network namespace with this inode, as `stat -Lc %i /proc/PID/ns/net` shows it. */
export async function* tcplife({ netns = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyNetns: netns } });
  tool.attach();
  const row = table(-15, 7, -21, -21, 10, 10, 10);
  yield row('process', 'pid', 'local', 'peer', 'sent', 'received', 'seconds');
  for await (const { comm, pid, ends, sent, received, durationNs } of tool.maps.events.reader()) {
    const local = addressText(ends.localAddress, ends.localPort);
    const peer = addressText(ends.peerAddress, ends.peerPort);
    yield row(comm || '-', pid, local, peer, sent, received, (durationNs / 1e9).toFixed(3));
  }
}

await run(import.meta.url, tcplife, 'netns');
