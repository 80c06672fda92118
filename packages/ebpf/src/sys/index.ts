/**
 * System interfaces around eBPF, for the packages beside this one and their tests. Raw system calls,
 * netlink, namespaces, clocks, capabilities.
 *
 * @module @weir/ebpf/sys
 */

import '../dispose-symbol.js';

export { probePerfEvents } from '../features/definitions.js';
export { incapable as privilegeGap, isInconclusive, isTransient } from '../features/judge.js';
export { unsupported } from '../features/since.js';
export { absent, allOf, anyOf, known, present, unknown } from '../features/state.js';
export { assemble, type Instruction, insn, type Width } from '../insn/assembler.js';
export { JmpOp } from '../insn/insn.js';
export { deviceName } from '../link/device.js';
export { type AttachedXdp, attachedXdp, xdpMode } from '../link/xdp.js';
export { Command } from '../uapi/commands.js';
export { XdpFlag } from '../uapi/flags.js';
export { type Arena, createArena } from './arena.js';
export {
  type Attr,
  type AttrName,
  type AttrValues,
  attr,
  type ProgLoadValues,
  progLoadAttr,
} from './attr.js';
export { type AttrBlock, bpf } from './bpf.js';
export { type CapabilityName, effectiveCapabilities, missingCapabilities } from './capabilities.js';
export { jiffyNs, monotonicNs, realtimeOffsetNs, suspendedNs } from './clock.js';
export { ClockChanges } from './clock-changes.js';
export { onlineCpus, possibleCpus } from './cpus.js';
export { bpfDenial } from './denial.js';
export { DescriptorQueue } from './descriptor-queue.js';
export type { WaitOptions } from './epoll.js';
export { Fd } from './fd.js';
export type { SyscallArgument } from './ffi.js';
export { readSmallFile } from './files.js';
export { giveBackLargeBlocks } from './large-blocks.js';
export { limitCapabilities, refuseNewPrivileges } from './limit-capabilities.js';
export { tryLock } from './lock.js';
export { type MemlockLimit, raiseMemlock } from './memlock.js';
export { pageSize } from './memory.js';
export { Namespace, unshare, withNetns } from './namespace.js';
export { NetlinkProtocol, type NetlinkRequest, NetlinkSocket } from './netlink.js';
export { decodeAttributes, NetlinkFlag, type NetlinkMessage, NetlinkPayload } from './netlink-message.js';
export { describeObstacle, type Obstacle, privilegeObstacle } from './obstacle.js';
export { openIdleThreadEvent } from './perf-event-open.js';
export { isWritable } from './poll.js';
export { ProcessEnds } from './process-ends.js';
export { limitMemory, memoryLimit } from './rlimit.js';
export { lockdownMode, type Situation, situation } from './situation.js';
export type { QueuedDescriptors } from './socket-message.js';
export { stripOtherThreads } from './strip-threads.js';
export { type SyscallName, syscall, syscallRaw } from './syscalls.js';
export { listenOnSocket, removeStaleSocket } from './unix-listener.js';
export {
  openUnixListener,
  sendUnixDatagram,
  UnixDatagramReceiver,
  UnixDatagramSender,
} from './unix-socket.js';
export { userId } from './users.js';
