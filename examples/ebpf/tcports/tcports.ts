/** Prints what passes a network device by service, and marks what leaves from or to one port. */
import { setTimeout as sleep } from 'node:timers/promises';
import { needed, runWith, table } from '../run.js';
import { load } from './generated/tcports.js';

interface Options {
  readonly device?: string;
  /** What leaves from or to this port gets `mark`, which `ip rule`, nftables and tc know as fwmark. Default: nothing does. */
  readonly port?: number;
  readonly mark?: number;
  readonly seconds?: number;
}

const protocols: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };

export async function* tcports({
  device,
  port = 0,
  mark = 1,
  seconds = 1,
}: Options = {}): AsyncGenerator<string> {
  using tool = load({ globals: { markedPort: port, mark } });
  const on = needed('device', device);
  tool.attach({
    onIngress: { device: on, direction: 'ingress' },
    onEgress: { device: on, direction: 'egress' },
  });
  const row = table(-8, 7, 10, 12, 10, 12);
  for (;;) {
    yield row('protocol', 'port', 'packets in', 'bytes', 'packets out', 'bytes');
    await sleep(seconds * 1000);
    for (const [service, { packetsIn, bytesIn, packetsOut, bytesOut }] of tool.maps.services)
      yield row(protocols[service.protocol]!, service.port, packetsIn, bytesIn, packetsOut, bytesOut);
  }
}

await runWith(import.meta.url, tcports, { device: String, port: Number, mark: Number, seconds: Number });
