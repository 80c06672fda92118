/** Routes of VIPs in a separate table, which a BGP daemon announces. Layout: include/uapi/linux/rtnetlink.h. */
import { constants } from 'node:os';
import { OptionError, SyscallError } from '@weir/ebpf';
import { formatPrefix, type Prefix, parsePrefix } from '@weir/ebpf/address';
import {
  decodeAttributes,
  NetlinkFlag,
  NetlinkPayload,
  NetlinkProtocol,
  NetlinkSocket,
} from '@weir/ebpf/sys';
import { within } from '../limits.js';

/** Route types: RTN_*. */
const types = { unicast: 1, local: 2, blackhole: 6 } as const;

/** Options of {@link VipRoutes}. */
export interface VipRoutesOptions {
  /** A routing table to which nothing else writes: 1 to 4294967295, without 253 to 255. */
  readonly table: number;
  /** Default `blackhole`. `unicast` and `local` are routes to the loopback device. */
  readonly type?: keyof typeof types;
}

/** The protocol number of the routes, by which `ip route` and BGP daemons know them; iproute2's rt_protos lacks it. */
export const ROUTE_PROTOCOL = 119;

const Message = { newRoute: 24, delRoute: 25, getRoute: 26 } as const;
/** RTA_* */
const attribute = { destination: 1, outputDevice: 4, table: 15 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const RT_TABLE_UNSPEC = 0;
const SCOPE_UNIVERSE = 0;
const SCOPE_HOST = 254;
const RTMSG_SIZE = 12;
const LOOPBACK_INDEX = 1;
/** RTM_F_CLONED marks an entry of the route cache. */
const CLONED = 0x200;

/**
 * One route for each VIP, in the caller's network namespace. Routes outlive the process: the next process with the same
 * table finds them, and removes the unwanted ones with {@link keepOnly}.
 */
export class VipRoutes implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #table: number;
  readonly #type: keyof typeof types;

  /**
   * Opens a socket for the routes; none is set yet.
   *
   * @throws OptionError for an invalid table; SyscallError
   */
  constructor({ table, type = 'blackhole' }: VipRoutesOptions) {
    if (table >= 253 && table <= 255)
      throw new OptionError(`table ${table}: 253 to 255 belong to the kernel, use another one`);
    this.#table = within('table', table, 1, 2 ** 32 - 1);
    this.#type = type;
    this.#socket = new NetlinkSocket(NetlinkProtocol.route);
  }

  /**
   * Adds a VIP's route, which may exist, or removes it.
   *
   * @throws OptionError if the VIP is no address or prefix; SyscallError
   */
  set(vip: string, isThere: boolean): void {
    const prefix = parsePrefix(vip);
    if (isThere) this.#change(Message.newRoute, prefix, `add route ${vip}`);
    else this.#remove(prefix);
  }

  /**
   * Removes routes of this and earlier processes, except those of these VIPs.
   *
   * @throws OptionError, SyscallError
   */
  keepOnly(vips: Iterable<string>): void {
    const kept = new Set(Array.from(vips, (vip) => formatPrefix(parsePrefix(vip))));
    for (const prefix of this.#existing()) if (!kept.has(formatPrefix(prefix))) this.#remove(prefix);
  }

  /** Closes the socket; routes stay. */
  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #remove(prefix: Prefix): void {
    try {
      this.#change(Message.delRoute, prefix, `remove a route from table ${this.#table}`);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== constants.errno.ESRCH) throw error;
    }
  }

  #change(type: number, prefix: Prefix, what: string): void {
    const isNew = type === Message.newRoute;
    const payload = new NetlinkPayload(this.#message(prefix, isNew ? types[this.#type] : 0))
      .attribute(attribute.destination, prefix.address)
      .u32(attribute.table, this.#table);
    if (isNew && this.#type !== 'blackhole') payload.u32(attribute.outputDevice, LOOPBACK_INDEX);
    const flags = isNew ? NetlinkFlag.create | NetlinkFlag.replace : 0;
    this.#socket.request({ type, flags, payload: payload.bytes, what });
  }

  /** struct rtmsg */
  #message({ address, bits }: Prefix, type: number): Uint8Array {
    const ipv6 = address.length === 16;
    const scope = type === types.local && !ipv6 ? SCOPE_HOST : SCOPE_UNIVERSE;
    const family = ipv6 ? AF_INET6 : AF_INET;
    return Uint8Array.of(family, bits, 0, 0, RT_TABLE_UNSPEC, ROUTE_PROTOCOL, scope, type, 0, 0, 0, 0);
  }

  /** The balancer's routes in the table. */
  #existing(): Prefix[] {
    return [AF_INET, AF_INET6].flatMap((family) => {
      const payload = new Uint8Array(RTMSG_SIZE);
      payload[0] = family;
      const request = { type: Message.getRoute, flags: NetlinkFlag.dump, payload, what: 'list routes' };
      return this.#socket.request(request).flatMap((reply) => this.#ours(reply.payload) ?? []);
    });
  }

  #ours(payload: Uint8Array): Prefix | undefined {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const attributes = decodeAttributes(payload.subarray(RTMSG_SIZE));
    const destination = attributes.get(attribute.destination);
    const table = attributes.get(attribute.table);
    if (view.getUint8(5) !== ROUTE_PROTOCOL || (view.getUint32(8, true) & CLONED) !== 0) return undefined;
    if (destination === undefined || table === undefined) return undefined;
    if (new DataView(table.buffer, table.byteOffset).getUint32(0, true) !== this.#table) return undefined;
    const length = view.getUint8(0) === AF_INET6 ? 16 : 4;
    return { address: Uint8Array.from(destination.subarray(0, length)), bits: view.getUint8(1) };
  }
}
