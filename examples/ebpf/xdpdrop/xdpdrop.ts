/** Drops the packets that come to a device from some networks, and prints how many there were from each. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMappedPrefix } from '@weir/ebpf/address';
import { needed, runWith, table } from '../run.js';
import { load } from './generated/xdpdrop.js';

interface Options {
  readonly device?: string;
  /** `192.0.2.0/24,2001:db8::/32`: each packet counts for the longest prefix that its sender is in. */
  readonly networks?: string;
  readonly seconds?: number;
}

export async function* xdpdrop({ device, networks, seconds = 1 }: Options = {}): AsyncGenerator<string> {
  using tool = load();
  const names = needed('networks', networks).split(',');
  const listed = names.map(parseMappedPrefix);
  for (const network of listed) tool.maps.networks.set(network, { packets: 0, bytes: 0 });
  tool.attach({ dropListed: { device: needed('device', device) } });
  const row = table(-40, 10, 12);
  for (;;) {
    yield row('network', 'packets', 'bytes');
    await sleep(seconds * 1000);
    for (const [i, name] of names.entries()) {
      const { packets, bytes } = tool.maps.networks.get(listed[i]!)!;
      yield row(name, packets, bytes);
    }
  }
}

await runWith(import.meta.url, xdpdrop, { device: String, networks: String, seconds: Number });
