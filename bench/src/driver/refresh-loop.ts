/** What `weir top` does but for drawing: refreshes all connections each second, and says how many there are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Tracer } from '@weir/tracer';

await using tracer = Tracer.start();
using live = tracer.connections({ udp: !process.argv.includes('--no-udp') });
process.once('SIGTERM', () => process.exit(0));
for (;;) {
  await live.refresh();
  process.stdout.write(`${live.size} connections, ${live.totals.send_rate} bytes a second\n`);
  await sleep(1000);
}
