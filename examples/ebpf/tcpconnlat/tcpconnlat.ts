/** Prints how long each TCP connection took to be established, or to fail. */
import { addressText } from '../address.js';
import { run, table } from '../run.js';
import { load } from './generated/tcpconnlat.js';

/** @param options `netns`: only the network namespace with this inode, as `stat -Lc %i /proc/PID/ns/net` shows it. */
export async function* tcpconnlat({ netns = 0 } = {}): AsyncGenerator<string> {
  using tool = load({ globals: { onlyNetns: netns } });
  tool.attach();
  const row = table(-15, 7, -21, -9, 12);
  yield row('process', 'pid', 'peer', 'outcome', 'milliseconds');
  for await (const { comm, pid, ends, connected, latencyNs } of tool.maps.events.reader()) {
    const peer = addressText(ends.peerAddress, ends.peerPort);
    yield row(comm, pid, peer, connected ? 'connected' : 'failed', (latencyNs / 1e6).toFixed(3));
  }
}

await run(import.meta.url, tcpconnlat, 'netns');
