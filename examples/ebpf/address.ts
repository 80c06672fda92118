/** Addresses with ports as text. */
import { AddressFormatter } from '@weir/ebpf/address';

const formatter = new AddressFormatter();

/** `192.0.2.1:80`, `[2001:db8::1]:80`. @param address 16 bytes, IPv4 mapped into IPv6. */
export function addressText(address: Uint8Array, port: number): string {
  const text = formatter.format(new DataView(address.buffer, address.byteOffset, address.byteLength), 0);
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}
