/** All sockets of this host, with their counters, through sock_diag: nothing is hooked, nothing slows down a send. */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { SyscallError, UnsupportedError } from '@weir/ebpf';
import { monotonicNs, NetlinkFlag, NetlinkProtocol, NetlinkSocket, withNetns } from '@weir/ebpf/sys';
import type { NamespaceHolder } from './holders.js';
import {
  type DiagRequest,
  type DiagSocket,
  emptyDiagSocket,
  encodeRequest,
  InetFamily,
  InetProtocol,
  readReplyAt,
  SOCK_DIAG_BY_FAMILY,
} from './inet-diag.js';
import { encodeMptcpRequest, type MptcpConnection, readMptcpReply } from './mptcp-diag.js';
import { MptcpIdentities, SubflowMerger } from './mptcp-subflows.js';
import {
  findNamespaces,
  heldNamespace,
  type NetNamespace,
  openNamespace,
  ownNamespace,
  readSocketCounts,
  type SocketCounts,
} from './namespaces.js';
import { liveStates, stateMask } from './tcp-state.js';
import type { IsUnchanged, TcpWalk } from './tcp-walk.js';

export interface SocketReaderOptions {
  /** TCP connections; default true. */
  readonly tcp?: boolean;
  /** UDP sockets; default true. */
  readonly udp?: boolean;
  /** IPv6 sockets, among them those that serve IPv4; default true. */
  readonly ipv6?: boolean;
  /** TCP sockets that listen; default true. */
  readonly listeners?: boolean;
  /** Only these network namespaces, by inode; default all. */
  readonly netns?: readonly number[];
  /** Lists TCP connections in place of sock_diag, where the kernel offers it. */
  readonly tcpWalk?: TcpWalk | undefined;
  /** What holds namespaces besides processes in them and mounts, by inode; others may be among them. */
  readonly held?: () => ReadonlyMap<number, NamespaceHolder>;
  /** The time after which namespaces are listed anew, milliseconds. Default 5,000. */
  readonly namespacesMs?: number;
}

/** The coverage of one reading. Times are CLOCK_MONOTONIC, nanoseconds. */
export interface SocketSnapshot {
  /** Every socket that lived from `startedNs` to `endedNs` was reported, with rare exceptions (see {@link SocketReader}). */
  readonly startedNs: number;
  readonly endedNs: number;
  /** Namespaces that were read to the end, including those without sockets. */
  readonly netns: ReadonlySet<number>;
  readonly sockets: number;
  /** Namespaces that could not be read, and why. */
  readonly failed: readonly { readonly netns: number; readonly error: Error }[];
}

/** Bytes of struct nlmsghdr. */
const NLMSG_HEADER_LENGTH = 16;

interface Kind extends DiagRequest {
  readonly transport: 'tcp' | 'udp';
  readonly count: keyof SocketCounts;
}

/**
 * Reads the sockets of every network namespace, one after the other. The kernel hands them out in pieces, and goes on by
 * the place in a hash bucket: while sockets come and go, one may be reported twice, or, rarely, be missing this time.
 *
 * Needs CAP_SYS_ADMIN for namespaces other than its own, CAP_NET_ADMIN for nothing. Modules tcp_diag and udp_diag (or
 * CONFIG_INET_TCP_DIAG, CONFIG_INET_UDP_DIAG) have to be there; the kernel loads them by itself.
 */
export class SocketReader {
  readonly #options: SocketReaderOptions;
  readonly #kinds: readonly Kind[];
  /** Kinds of connections, some of which the walk leaves to sock_diag. */
  readonly #connectionKinds: readonly Kind[];
  readonly #walk: TcpWalk | undefined;
  readonly #own: number;
  readonly #socket = emptyDiagSocket();
  readonly #identities = new MptcpIdentities();
  #namespaces: ReadonlyMap<number, NetNamespace> = new Map();
  #namespacesAt = Number.NEGATIVE_INFINITY;

  constructor(options: SocketReaderOptions = {}) {
    this.#options = options;
    const { tcp = true, ipv6 = true, tcpWalk } = options;
    this.#walk = tcp ? tcpWalk : undefined;
    this.#kinds = kindsOf(this.#walk === undefined ? options : { ...options, tcp: false });
    this.#connectionKinds = kindsOf({ tcp, ipv6, udp: false, listeners: false });
    this.#own = ownNamespace();
  }

  /** Lists namespaces anew at the next reading, after an event from an unknown one. */
  forgetNamespaces(): void {
    this.#namespacesAt = Number.NEGATIVE_INFINITY;
  }

  /**
   * Hands each socket to `onSocket`; the object is the same each time.
   *
   * @param isUnchanged Asked about connections that a walk lists: those that are as they were are not handed over.
   * @throws UnsupportedError where the kernel has no socket diagnosis.
   */
  read(onSocket: (socket: DiagSocket) => void, isUnchanged?: IsUnchanged): SocketSnapshot {
    const startedNs = Number(monotonicNs());
    const netns = new Set<number>();
    const failed: { netns: number; error: Error }[] = [];
    let sockets = 0;
    const counting = (socket: DiagSocket) => {
      sockets++;
      onSocket(socket);
    };
    const countingUnchanged =
      isUnchanged &&
      ((key: Uint32Array) => {
        const isSame = isUnchanged(key);
        if (isSame) sockets++;
        return isSame;
      });
    const readListed = () => {
      let isStale = false;
      for (const namespace of this.#list()) {
        const { inode } = namespace;
        if (netns.has(inode) || failed.some((failure) => failure.netns === inode)) continue;
        try {
          if (!this.#readNamespace(namespace, counting, countingUnchanged)) {
            isStale = true;
            continue;
          }
          netns.add(inode);
        } catch (error) {
          if (!(error instanceof SyscallError)) throw error;
          failed.push({ netns: inode, error });
        }
      }
      return isStale;
    };
    // The process by which a namespace was known may have ended, and others may still be in it.
    if (readListed()) readListed();
    this.#identities.endReading();
    return { startedNs, endedNs: Number(monotonicNs()), netns, sockets, failed };
  }

  #list(): Iterable<NetNamespace> {
    const now = performance.now();
    if (now - this.#namespacesAt >= (this.#options.namespacesMs ?? 5_000)) {
      const wanted = this.#options.netns;
      const found = findNamespaces();
      for (const [inode, holder] of this.#options.held?.() ?? []) {
        if (!found.has(inode)) found.set(inode, heldNamespace(inode, holder));
      }
      this.#namespaces =
        wanted === undefined ? found : new Map([...found].filter(([inode]) => wanted.includes(inode)));
      this.#namespacesAt = now;
    }
    return this.#namespaces.values();
  }

  /** False if the namespace is gone. */
  #readNamespace(
    namespace: NetNamespace,
    onSocket: (socket: DiagSocket) => void,
    isUnchanged: IsUnchanged | undefined,
  ): boolean {
    const { inode } = namespace;
    if (inode === this.#own) {
      this.#dump(this.#kinds, inode, onSocket);
      this.#walkConnections(inode, onSocket, isUnchanged);
      return true;
    }
    // Read before the namespace is opened and recognised: then the process was still the one that was listed.
    const counts = namespace.pid === undefined ? undefined : readSocketCounts(namespace.pid);
    const fd = openNamespace(namespace);
    if (fd === undefined) {
      this.forgetNamespaces();
      return false;
    }
    try {
      const kinds = counts === undefined ? this.#kinds : this.#kinds.filter(({ count }) => counts[count] > 0);
      const hasTcp = counts === undefined || counts.tcp4 > 0 || counts.tcp6 > 0;
      if (kinds.length === 0 && !hasTcp) return true;
      withNetns(fd, () => {
        if (kinds.length > 0) this.#dump(kinds, inode, onSocket);
        if (hasTcp) this.#walkConnections(inode, onSocket, isUnchanged);
      });
      return true;
    } finally {
      closeSync(fd);
    }
  }

  /** In the namespace of the calling thread. */
  #walkConnections(
    netns: number,
    onSocket: (socket: DiagSocket) => void,
    isUnchanged: IsUnchanged | undefined,
  ): void {
    if (this.#walk === undefined) return;
    const { ipv6 = true } = this.#options;
    const onWalked = (socket: DiagSocket) => {
      if (ipv6 || !socket.ipv6) onSocket(socket);
    };
    const subflows = this.#walk.read(netns, onWalked, isUnchanged);
    if (subflows.size === 0) return;
    this.#dump(this.#connectionKinds, netns, onSocket, ({ cookie }) => subflows.has(cookie));
  }

  /** In the namespace of the calling thread. The socket is closed again, for it would keep the namespace alive. */
  #dump(
    kinds: readonly Kind[],
    netns: number,
    onSocket: (socket: DiagSocket) => void,
    isWanted: (socket: DiagSocket) => boolean = () => true,
  ): void {
    using netlink = new NetlinkSocket(NetlinkProtocol.sockDiag);
    const socket = this.#socket;
    socket.netns = netns;
    const merger = new SubflowMerger(onSocket, this.#identities);
    for (const kind of kinds) {
      const request = {
        type: SOCK_DIAG_BY_FAMILY,
        flags: NetlinkFlag.dump,
        payload: encodeRequest(kind),
        what: `list ${kind.transport} sockets`,
      };
      socket.transport = kind.transport;
      try {
        netlink.walk(request, (view, start, end) => {
          if (readReplyAt(view, start + NLMSG_HEADER_LENGTH, end, socket) && isWanted(socket))
            merger.add(socket);
        });
      } catch (error) {
        throw explained(error, kind.transport);
      }
    }
    merger.flush(merger.hasSubflows ? readMptcpConnections(netlink) : undefined);
  }
}

/** By token; none where the kernel does not show them. */
function readMptcpConnections(netlink: NetlinkSocket): Map<number, MptcpConnection> {
  const connections = new Map<number, MptcpConnection>();
  try {
    for (const family of [InetFamily.ipv4, InetFamily.ipv6]) {
      const request = {
        type: SOCK_DIAG_BY_FAMILY,
        flags: NetlinkFlag.dump,
        payload: encodeMptcpRequest(family),
        what: 'list MPTCP sockets',
      };
      netlink.walk(request, (view, start, end) => {
        const connection = readMptcpReply(view, start + NLMSG_HEADER_LENGTH, end);
        if (connection !== undefined) connections.set(connection.token, connection);
      });
    }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
  return connections;
}

function kindsOf(options: SocketReaderOptions): Kind[] {
  const { tcp = true, udp = true, ipv6 = true, listeners = true } = options;
  const tcpStates = (tcp ? liveStates : 0) | (listeners ? stateMask('listen') : 0);
  const kinds: Kind[] = [];
  for (const [family, suffix] of [
    [InetFamily.ipv4, 4],
    [InetFamily.ipv6, 6],
  ] as const) {
    if (suffix === 6 && !ipv6) continue;
    if (tcpStates !== 0) {
      kinds.push({
        transport: 'tcp',
        count: `tcp${suffix}`,
        family,
        protocol: InetProtocol.tcp,
        states: tcpStates,
        info: true,
      });
    }
    if (udp) {
      kinds.push({
        transport: 'udp',
        count: `udp${suffix}`,
        family,
        protocol: InetProtocol.udp,
        states: stateMask('established', 'close'),
        info: false,
      });
    }
  }
  return kinds;
}

function explained(error: unknown, transport: 'tcp' | 'udp'): unknown {
  const isMissing = error instanceof SyscallError && error.errno === constants.errno.ENOENT;
  if (!isMissing) return error;
  return new UnsupportedError(
    `${transport}_diag`,
    undefined,
    `it takes CONFIG_INET_${transport.toUpperCase()}_DIAG, or its module: modprobe ${transport}_diag`,
  );
}
