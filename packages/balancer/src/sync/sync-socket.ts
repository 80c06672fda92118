/** The socket through which balancers share flows. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { EbpfError } from '@weir/ebpf/errors';
import type { SyncAddress, SyncGroup } from './sync-options.js';

/** Room for datagrams while this process does other work, bytes. The kernel gives what it allows. */
const RECEIVE_BYTES = 4 << 20;

/**
 * Opens it, and joins the group.
 *
 * @param listen With a group, only its port counts.
 * @throws Error of the system if it cannot listen on the address; EbpfError if it cannot join the group
 */
export async function openSyncSocket(listen: SyncAddress, group?: SyncGroup): Promise<Socket> {
  const ipv6 = isIPv6(group?.group ?? listen.host);
  const socket = createSocket({ type: ipv6 ? 'udp6' : 'udp4', reuseAddr: group !== undefined });
  try {
    if (group === undefined) await bind(socket, listen.port, listen.host);
    else await join(socket, listen.port, group);
    socket.setRecvBufferSize(RECEIVE_BYTES);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

async function bind(socket: Socket, port: number, address: string): Promise<void> {
  const bound = once(socket, 'listening');
  socket.bind(port, address);
  await bound;
}

async function join(socket: Socket, port: number, { group, interface: place }: SyncGroup): Promise<void> {
  const device = isIPv6(group) ? deviceIn(place) : undefined;
  const local = device === undefined ? place : `::%${device}`;
  try {
    // The kernel gives a socket with an address of its own no datagrams for a group.
    await bind(socket, port, device === undefined ? group : `${group}%${device}`);
    socket.addMembership(group, local);
    socket.setMulticastInterface(local);
    socket.setMulticastTTL(1);
    socket.setMulticastLoopback(false);
  } catch (error) {
    const what = device === undefined ? `the network of ${place}` : `device ${device}`;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EINVAL' || code === 'ENODEV' ? 'this host has none such' : message;
    throw new EbpfError(`sync: the group ${group} port ${port} cannot be joined on ${what}: ${why}`, {
      cause: error,
    });
  }
}

/** The name of a device, given as `eth0` or `::%eth0`. */
function deviceIn(place: string): string {
  return place.slice(place.indexOf('%') + 1);
}

/** An address without the device by which it is reached. */
export function withoutZone(address: string): string {
  return address.replace(/%.*$/, '');
}
