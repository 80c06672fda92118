/**
 * Whether accept() can be seen by a hardware breakpoint (bpf/breakpoint.h), found out by an accept() of this thread's own in a
 * network namespace of its own.
 */

import { arch } from 'node:os';
import {
  attachBreakpoint,
  attachRawTracepoint,
  type Btf,
  Collection,
  EbpfError,
  type FeatureTable,
  Kind,
  type ProbeResult,
  SyscallError,
  setGlobal,
  UnknownFeatureError,
  UnsupportedError,
  VerifierError,
} from '@weir/ebpf';
import { absent, isTransient, present, unknown } from '@weir/ebpf/sys';
import { inFreshNamespace } from '../discovery/namespace.js';
import { AddressFamily, type Endpoint, SocketPool } from '../discovery/sockets.js';
import { readObject } from '../objects.js';
import { randomInt } from '../random.js';
import { AcceptBreakpointLink } from './accept-breakpoint-link.js';
import { type AcceptBreakpoint, loadAcceptPlace, storeAcceptPlace } from './accept-place.js';

/** The result, with the reason where it is not `present`. */
export interface BreakpointProbe {
  readonly answer: ProbeResult;
  /** Why it is absent. */
  readonly reason?: string;
  readonly breakpoint?: AcceptBreakpoint;
}

const LOOPBACK = 0x7f00_0001;

/** Found once: the kernel's code stays where it is until the next boot. */
let found: AcceptBreakpoint | undefined;

/**
 * Tries it. Needs the privileges of tracing.
 *
 * @param registers Whether also to try if each CPU has registers to spare. Who attaches the breakpoint next finds out anyway, and
 * each attachment waits for the other CPUs.
 */
export function probeAcceptBreakpoint(btf: Btf, features: FeatureTable, registers = true): BreakpointProbe {
  if (arch() !== 'x64') return { answer: absent, reason: 'only x86-64 processors trap behind a read' };
  if (btf.find('request_sock_ops', Kind.struct) === undefined)
    return { answer: absent, reason: 'the types in use have no struct request_sock_ops' };
  try {
    tryBreakpoint(btf, features, registers);
    return { answer: present, ...(found && { breakpoint: found }) };
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
    return failure(error);
  }
}

/** A register that another uses at this moment may be free later, but nobody waits for that: the next hook is used. */
function failure(error: EbpfError): BreakpointProbe {
  const reason = error.message.split('\n')[0]!;
  if (error instanceof VerifierError) return { answer: absent, reason };
  if (error instanceof UnknownFeatureError) return { answer: unknown(reason) };
  if (!(error instanceof SyscallError)) return { answer: absent, reason };
  if (/^E(PERM|ACCES)$/.test(error.code)) return { answer: unknown(reason) };
  // ENOSPC and EBUSY are the words for registers that others use.
  const isPassing = isTransient(error.errno) && !/^E(NOSPC|BUSY)$/.test(error.code);
  if (isPassing) return { answer: unknown(reason, { transient: true, advice: 'try again' }) };
  return { answer: absent, reason };
}

/** Finds what the program must know, and with `registers` tries whether each CPU has some to spare. @throws EbpfError with the reason why not. */
function tryBreakpoint(btf: Btf, features: FeatureTable, registers: boolean): void {
  if (!registers) {
    found ??= loadAcceptPlace();
    if (found !== undefined) return;
  }
  features.require('global_data', 'what is found out is handed over in it');
  const port = randomInt(10_000, 60_000);
  const spec = readObject('breakpoint.bpf.o');
  setGlobal(spec, 'probe_port', port);
  using collection = Collection.load(spec, { btf, features });
  using sockets = new SocketPool();
  if (found === undefined) {
    found = inFreshNamespace(sockets, () => accept(collection, sockets, port));
    storeAcceptPlace(found);
  }
  if (registers) {
    using _link = new AcceptBreakpointLink(collection.program('find_place'), found.pointers);
  }
}

function accept(collection: Collection, sockets: SocketPool, port: number): AcceptBreakpoint {
  const { globals } = collection;
  const server = { address: LOOPBACK, port };
  const listener = sockets.tcp(AddressFamily.ipv4);
  {
    using _link = attachRawTracepoint(collection.program('find_pointers'));
    listener.bind(server);
    listener.listen();
    listenOnIpv6(sockets, { address: LOOPBACK + 1, port });
  }
  const pointers = ['ipv4_pointer', 'ipv6_pointer'].map((name) => globals.readInteger(name));
  if (pointers[0] === 0n) throw new UnsupportedError('struct request_sock_ops at a listening socket');
  {
    using _link = attachBreakpoint(
      collection.program('find_place'),
      { address: pointers[0]!, access: 'read-write' },
      { thread: 0 },
    );
    sockets.tcp(AddressFamily.ipv4).connect(server);
    if (sockets.accept(listener) === undefined)
      throw new EbpfError('a connection over loopback did not come about');
  }
  if (globals.readInteger('accepts') !== 1n)
    throw new EbpfError(
      'the breakpoint did not stop at an accept(): the machine may emulate no debug registers',
    );
  return { pointers: pointers.filter((pointer) => pointer !== 0n), place: globals.readInteger('place') };
}

/** A kernel without IPv6 has no such pointer. */
function listenOnIpv6(sockets: SocketPool, local: Endpoint): void {
  try {
    const listener = sockets.tcp(AddressFamily.ipv6);
    listener.bind(local);
    listener.listen();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
  }
}
