/** Sockets that wait for peers: TCP sockets that listen, UDP sockets whether connected or not. */
import type { AddressFormatter } from '@weir/ebpf/address';
import type { ConnectionProcess, Endpoint } from '../records/record.js';
import { type DiagSocket, TcpState } from '../sockets/index.js';
import type { FindProcess } from './connection.js';

/** A socket without a peer: a TCP listener, or a UDP socket that is not connected. */
export interface OpenSocket {
  readonly transport: 'tcp' | 'udp';
  readonly type: 'ipv4' | 'ipv6';
  /** Inode of the network namespace. */
  readonly netns: number;
  /** Cookie of the socket, unique on a host since Linux 5.9. */
  readonly cookie: number;
  readonly local: Endpoint;
  /** The peer of a connected UDP socket. */
  readonly peer: Endpoint | undefined;
  /** Name of the interface that it is bound to: escape before showing it. */
  readonly interface: string | undefined;
  /** Inode of the socket, as /proc/PID/fd shows it. */
  readonly inode: number;
  /** User id of the socket. */
  readonly uid: number;
  readonly process: ConnectionProcess | undefined;
  /** TCP: connections that wait to be accepted; UDP: bytes that wait to be read. */
  readonly waiting: number;
  /** TCP: the number of connections that may wait; undefined for UDP. */
  readonly backlog: number | undefined;
}

/** The open sockets of the last refresh. */
export class OpenSockets {
  readonly #addresses: AddressFormatter;
  readonly #interfaceName: (netns: number, index: number) => string | undefined;
  /** Addresses and ports never change while a socket listens, so objects are kept from refresh to refresh. */
  #known = new Map<string, OpenSocket>();
  #next = new Map<string, OpenSocket>();
  /** UDP sockets of `#known`, made when first asked for. */
  #byCookie: Map<number, OpenSocket> | undefined;

  /** @param interfaceName Names of interfaces, by network namespace and number. */
  constructor(
    addresses: AddressFormatter,
    interfaceName: (netns: number, index: number) => string | undefined = () => undefined,
  ) {
    this.#addresses = addresses;
    this.#interfaceName = interfaceName;
  }

  [Symbol.iterator](): IterableIterator<OpenSocket> {
    return this.#known.values();
  }

  get size(): number {
    return this.#known.size;
  }

  /** A UDP socket by its cookie, which is unique on a host since Linux 5.9. */
  ofCookie(cookie: number): OpenSocket | undefined {
    this.#byCookie ??= new Map(
      [...this].filter(({ transport }) => transport === 'udp').map((socket) => [socket.cookie, socket]),
    );
    return this.#byCookie.get(cookie);
  }

  /** Whether a socket is an open socket in this sense. */
  static isOne({ transport, state }: DiagSocket): boolean {
    return transport === 'udp' || state === TcpState.listen;
  }

  add(socket: DiagSocket, findProcess: FindProcess | undefined): void {
    const { transport, netns, cookie, inode, uid, localPort, peerPort } = socket;
    const key = `${transport} ${netns} ${cookie} ${localPort} ${peerPort}`;
    const known = this.#known.get(key);
    const local = known?.local ?? {
      address: this.#addresses.format(socket.addresses, 0),
      port: localPort,
    };
    const process = inode === 0 ? undefined : findProcess?.(inode, known?.process);
    const isConnected = transport === 'udp' && peerPort !== 0;
    this.#next.set(key, {
      transport,
      type: local.address.includes(':') ? 'ipv6' : 'ipv4',
      netns,
      cookie,
      local,
      peer: isConnected
        ? { address: this.#addresses.format(socket.addresses, 16), port: peerPort }
        : undefined,
      interface:
        socket.interfaceIndex === 0
          ? undefined
          : (this.#interfaceName(netns, socket.interfaceIndex) ?? known?.interface),
      inode,
      uid,
      process: process ?? known?.process,
      waiting: socket.receiveQueue,
      backlog: transport === 'tcp' ? socket.sendQueue : undefined,
    });
  }

  /**
   * Ends a refresh: sockets that it did not find are gone.
   *
   * @param remains Whether one that it did not find is still there, in a network namespace that it could not read.
   */
  finish(remains: (socket: OpenSocket) => boolean): void {
    for (const [key, socket] of this.#known) {
      if (!this.#next.has(key) && remains(socket)) this.#next.set(key, socket);
    }
    this.#known = this.#next;
    this.#byCookie = undefined;
    this.#next = new Map();
  }
}
