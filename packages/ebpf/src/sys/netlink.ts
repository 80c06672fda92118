/** Synchronous requests to the kernel over netlink: links, traffic control, socket diagnosis. */
import { constants } from 'node:os';
import { EbpfError, SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { missingCapabilities } from './capabilities.js';
import { Fd } from './fd.js';
import {
  decodeAttributes,
  encodeNetlinkMessage,
  messageAt,
  messageEnd,
  NetlinkControl,
  NetlinkFlag,
  type NetlinkMessage,
} from './netlink-message.js';
import { adviceFor } from './obstacle.js';
import { syscall, syscallRaw } from './syscalls.js';

/** NETLINK_*: families of requests. */
export const NetlinkProtocol = { route: 0, sockDiag: 4 } as const;

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
/** The attribute of an acknowledgement that explains it. */
const NLMSGERR_ATTR_MSG = 1;
const MSG_TRUNC = 0x20;
/** The kernel fills at most 32 KiB at a time into a dump; an acknowledgement repeats the request. */
const bufferSize = 256 * 1024;
const errorHeaderSize = 4;
const messageHeaderSize = 16;
const receiveTimeoutSeconds = 10n;

const { EAGAIN, EINTR } = constants.errno;

let arena: Arena | undefined;

/** A request for {@link NetlinkSocket.request}. */
export interface NetlinkRequest {
  /** The message's type, such as RTM_GETLINK. */
  readonly type: number;
  /** NLM_F_*, besides REQUEST (always) and ACK (unless it is a dump). */
  readonly flags?: number;
  /** The bytes behind struct nlmsghdr; see {@link NetlinkPayload}. */
  readonly payload: Uint8Array;
  /** The action, as the error names it. */
  readonly what: string;
}

/** A netlink socket in the network namespace in which it was made. One request at a time. */
export class NetlinkSocket implements Disposable {
  readonly #fd: Fd;
  #sequence = 0;

  /** @throws SyscallError */
  constructor(protocol: number) {
    arena ??= createArena(bufferSize);
    const fd = new Fd(syscall('socket', AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    try {
      arena.view.setBigInt64(0, receiveTimeoutSeconds, true);
      arena.view.setBigInt64(8, 0n, true);
      syscall('setsockopt', fd.fd, SOL_SOCKET, SO_RCVTIMEO, arena.address, 16);
      arena.view.setUint32(0, 1, true);
      // Best effort: kernels before 4.12 do not explain their errors.
      syscallRaw('setsockopt', fd.fd, SOL_NETLINK, NETLINK_EXT_ACK, arena.address, 4);
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
    this.#fd = fd;
  }

  /**
   * Sends a request and collects the replies, of which there are none for a mere change.
   *
   * @throws SyscallError with the kernel's own explanation where it gives one; EbpfError for a message that
   * is too long.
   */
  request(request: NetlinkRequest): NetlinkMessage[] {
    const replies: NetlinkMessage[] = [];
    this.dump(request, (reply) => replies.push({ ...reply, payload: reply.payload.slice() }));
    return replies;
  }

  /**
   * Sends a request and hands each reply to `onReply`, whose payload is valid only during the call.
   *
   * @returns whether the replies are consistent: false if what was dumped changed meanwhile.
   * @throws SyscallError
   */
  dump(request: NetlinkRequest, onReply: (reply: NetlinkMessage) => void): boolean {
    return this.walk(request, (view, start, end) => onReply(messageAt(view, start, end)));
  }

  /**
   * The same without an object for each reply, for dumps of very many.
   *
   * @param onReply Gets the datagram, and where in it the reply begins with its struct nlmsghdr, and ends. It is valid only
   * during the call.
   * @throws SyscallError
   */
  walk(request: NetlinkRequest, onReply: (view: DataView, start: number, end: number) => void): boolean {
    const isDump = ((request.flags ?? 0) & NetlinkFlag.dump) === NetlinkFlag.dump;
    const sequence = ++this.#sequence;
    const flags = (request.flags ?? 0) | NetlinkFlag.request | (isDump ? 0 : NetlinkFlag.ack);
    this.#send(encodeNetlinkMessage(request.type, flags, sequence, request.payload), request.what);
    let consistent = true;
    for (;;) {
      const datagram = this.#receive(request.what);
      const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
      for (let start = 0, end = 0; start + messageHeaderSize <= datagram.length; start = (end + 3) & ~3) {
        end = messageEnd(view, start);
        // A reply that an earlier request left behind, having failed half-way, is not ours.
        if (view.getUint32(start + 8, true) !== sequence) continue;
        if ((view.getUint16(start + 6, true) & NetlinkFlag.dumpInterrupted) !== 0) consistent = false;
        const type = view.getUint16(start + 4, true);
        if (type === NetlinkControl.done || type === NetlinkControl.error) {
          checkResult(messageAt(view, start, end), request.what);
          return consistent;
        }
        if (type !== NetlinkControl.noop) onReply(view, start, end);
      }
    }
  }

  #send(message: Uint8Array, what: string): void {
    if (message.length > bufferSize)
      throw new EbpfError(`${what}: a netlink message of ${message.length} bytes`);
    arena!.bytes.set(message);
    const result = syscallRaw('sendto', this.#fd.fd, arena!.address, message.length, 0, 0, 0);
    if (result < 0) throw new SyscallError(`netlink send: ${what}`, -result);
  }

  /** One datagram, copied: `onReply` may use another socket, which shares the arena. */
  #receive(what: string): Uint8Array {
    for (;;) {
      const result = syscallRaw('recvfrom', this.#fd.fd, arena!.address, bufferSize, MSG_TRUNC, 0, 0);
      if (result === -EINTR) continue;
      if (result === -EAGAIN)
        throw new SyscallError(`netlink receive: ${what}`, EAGAIN, 'the kernel did not answer');
      if (result < 0) throw new SyscallError(`netlink receive: ${what}`, -result);
      if (result > bufferSize) throw new EbpfError(`${what}: a netlink datagram of ${result} bytes`);
      return arena!.bytes.slice(0, result);
    }
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** Throws if an acknowledgement or the end of a dump carries an error. */
function checkResult(reply: NetlinkMessage, what: string): void {
  const { payload } = reply;
  if (payload.length < errorHeaderSize) return;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const errno = -view.getInt32(0, true);
  if (errno <= 0) return;
  throw new SyscallError(`netlink: ${what}`, errno, explanation(reply, view) ?? privilegeAdvice(errno));
}

/** Capabilities of a user namespace count for the network namespaces that belong to it. */
function privilegeAdvice(errno: number): string | undefined {
  const isLacking = errno === constants.errno.EPERM && missingCapabilities(['CAP_NET_ADMIN']).length > 0;
  return isLacking ? `needs CAP_NET_ADMIN: ${adviceFor(['CAP_NET_ADMIN'])}` : undefined;
}

/** The kernel's text about an error (extended acknowledgement, 4.12). */
function explanation(reply: NetlinkMessage, view: DataView): string | undefined {
  if ((reply.flags & NetlinkFlag.ackTlvs) === 0) return undefined;
  let start = errorHeaderSize;
  if (reply.type === NetlinkControl.error) {
    const isCapped = (reply.flags & NetlinkFlag.capped) !== 0;
    start += isCapped ? messageHeaderSize : (view.getUint32(errorHeaderSize, true) + 3) & ~3;
  }
  const text = decodeAttributes(reply.payload.subarray(start)).get(NLMSGERR_ATTR_MSG);
  return text === undefined ? undefined : new TextDecoder().decode(text).replace(/\0+$/, '');
}
