/** Which addresses only this host reaches. */
import { isWithin, parseMappedPrefix } from '@weir/ebpf/address';

const loopbackNetworks = ['127.0.0.0/8', '::1'].map(parseMappedPrefix);

/** Whether an IP address is of the loopback device. */
export function isLoopback(address: string): boolean {
  const place = parseMappedPrefix(address);
  return loopbackNetworks.some((network) => isWithin(place, network));
}
