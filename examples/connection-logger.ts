/** Logs every TCP connection and UDP flow of this host when it is over. */
import { Tracer } from '@weir/tracer';
import { Enricher, NewProcesses, Processes, Services } from '@weir/tracer/enrich';
import { filter, onInterrupt, printable } from './common.js';

const processes = new Processes();
using _newProcesses = new NewProcesses(processes);
const enricher = new Enricher({ processes, services: Services.read() });

await using tracer = Tracer.start({ udp: true, immediate: true, filter });
onInterrupt(() => void tracer.stop());
console.error('logging; Ctrl-C ends');

for await (const plain of tracer) {
  const record = enricher.enrich(plain);
  if (record.event !== 'close' && record.event !== 'udp_flow') continue;
  const { time, process: owner, local, peer, service, bytes_sent, bytes_received, closed_by } = record;
  const name = printable(owner?.command_line ?? owner?.comm);
  const ends = `${local.address} ${local.port} ${peer.address} ${peer.port}`;
  console.log(time, owner?.pid, ends, service, bytes_sent, bytes_received, closed_by, name);
}
