/** perf_event_open(2) and its descriptors. Layout: struct perf_event_attr of include/uapi/linux/perf_event.h. */
import { OptionError, SyscallError } from '../errors.js';
import { type Arena, createArena } from './arena.js';
import { kernelStruct, type StructValues } from './attr.js';
import { Fd } from './fd.js';
import { ffi, type SyscallArgument } from './ffi.js';
import { syscallOnThread, syscallRaw } from './syscalls.js';

/** PERF_TYPE_*: kinds of events. Dynamic kinds (kprobe, uprobe) have their number in sysfs. */
export const PerfType = {
  hardware: 0,
  software: 1,
  tracepoint: 2,
  hwCache: 3,
  raw: 4,
  breakpoint: 5,
} as const;

/** PERF_COUNT_SW_*: events of the software kind. */
export const PerfSoftware = { cpuClock: 0, taskClock: 1, dummy: 9, bpfOutput: 10 } as const;

/** PERF_SAMPLE_*: what a sample holds. */
export const PerfSample = { ip: 1, tid: 2, time: 4, cpu: 128, period: 256, raw: 1024 } as const;

/** Requests of ioctl(2) on a perf event, PERF_EVENT_IOC_*. */
export const PerfIoctl = {
  enable: 0x2400,
  disable: 0x2401,
  reset: 0x2403,
  setBpf: 0x4004_2408,
  queryBpf: 0xc008_240a,
} as const;

/** A perf event: struct perf_event_attr of include/uapi/linux/perf_event.h, and where it counts. */
export interface PerfEventOptions {
  /** PERF_TYPE_*, or the number of a dynamic kind in sysfs. */
  readonly type: number;
  /** Which event of that type: PERF_COUNT_*, a tracepoint's id. Default 0. */
  readonly config?: number | bigint;
  /**
   * More of what the type defines. A string, of at most 4,095 bytes, stands for the address of its
   * NUL-terminated bytes.
   */
  readonly config1?: number | bigint | string;
  readonly config2?: number | bigint;
  /** HW_BREAKPOINT_*: what a breakpoint waits for; `config1` is its address, `config2` its length. */
  readonly breakpointType?: number;
  /** Events from one sample to the next; for clocks, nanoseconds. Default: no samples. */
  readonly samplePeriod?: number;
  /** Samples a second, instead of a period. */
  readonly sampleFrequency?: number;
  /** PERF_SAMPLE_*: what a sample holds. Default 0: nothing. */
  readonly sampleType?: number;
  /** Wakes the reader after so many samples. */
  readonly wakeupEvents?: number;
  /** Wakes the reader after so many bytes, instead. */
  readonly wakeupWatermark?: number;
  /** Counts nothing until it is enabled. Default false. */
  readonly disabled?: boolean;
  /** Measures one process; -1, the default, is any. */
  readonly pid?: number;
  /** Measures on one CPU; -1 is any. Either this or `pid` must be given. */
  readonly cpu?: number;
  /** The thing that is opened, as the error names it. */
  readonly what?: string;
}

/** All that Linux 4.1 knows. */
const PERF_ATTR_SIZE_VER5 = 112;
/** A path is the longest text: PATH_MAX. */
const MAX_TEXT = 4096;
const PERF_FLAG_FD_CLOEXEC = 8;

let arena: Arena | undefined;
/** Keeps the blocks of calls that are under way on other threads alive. */
const onThreads = new Set<Uint8Array>();
/** Keeps the text that the call under way points to alive. */
const underWay: { event?: object } = {};

/**
 * Opens a perf event.
 *
 * @throws SyscallError
 */
export function perfEventOpen(options: PerfEventOptions): Fd {
  const result = perfEventOpenRaw(options);
  if (result < 0) {
    const call = options.what === undefined ? 'perf_event_open' : `perf_event_open of ${options.what}`;
    throw new SyscallError(call, -result);
  }
  return new Fd(result);
}

/** A pointer to a text, or a number. */
function config1(value: number | bigint | string): StructValues<'perfEventAttr'> {
  if (typeof value !== 'string') return { config1: value };
  const { byteLength } = Buffer.from(value);
  if (byteLength >= MAX_TEXT)
    throw new OptionError(`a perf event's name of ${byteLength} bytes: at most ${MAX_TEXT - 1}`);
  return { uprobePath: value };
}

/** Opens a perf event; returns its descriptor, or the negative errno. */
export function perfEventOpenRaw(options: PerfEventOptions): number {
  arena ??= createArena(PERF_ATTR_SIZE_VER5);
  const event = kernelStruct('perfEventAttr', {
    type: options.type,
    size: PERF_ATTR_SIZE_VER5,
    config: options.config,
    samplePeriod: options.samplePeriod,
    sampleType: options.sampleType,
    disabled: options.disabled === true ? 1 : 0,
    wakeupEvents: options.wakeupEvents,
    bpType: options.breakpointType,
    ...config1(options.config1 ?? 0),
    config2: options.config2,
  });
  if (options.sampleFrequency !== undefined) event.set({ freq: 1, sampleFreq: options.sampleFrequency });
  if (options.wakeupWatermark !== undefined)
    event.set({ watermark: 1, wakeupWatermark: options.wakeupWatermark });
  underWay.event = event;
  arena.bytes.set(event.bytes.subarray(0, PERF_ATTR_SIZE_VER5));
  const [pid, cpu] = [options.pid ?? -1, options.cpu ?? -1];
  return syscallRaw('perf_event_open', arena.address, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/**
 * Opens an event of a thread of Node's pool that counts nothing, and resolves to its descriptor, or to undefined where there is none.
 * The kernel waits for an RCU grace period at the first event of any thread, and not at others while there is one: who is about to need
 * one need not wait for it.
 */
export async function openIdleThreadEvent(): Promise<Fd | undefined> {
  const { bytes } = kernelStruct('perfEventAttr', {
    type: PerfType.software,
    size: PERF_ATTR_SIZE_VER5,
    config: PerfSoftware.dummy,
    disabled: 1,
  });
  const memory = new Uint8Array(bytes.subarray(0, PERF_ATTR_SIZE_VER5));
  onThreads.add(memory);
  try {
    const address = ffi().address(memory);
    const fd = await syscallOnThread('perf_event_open', address, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    return fd < 0 ? undefined : new Fd(fd);
  } finally {
    onThreads.delete(memory);
  }
}

/**
 * ioctl(2) on a perf event.
 *
 * @throws SyscallError
 */
export function perfEventIoctl(fd: number, request: number, argument: SyscallArgument, what: string): void {
  const result = syscallRaw('ioctl', fd, request, argument);
  if (result < 0) throw new SyscallError(`ioctl(${what})`, -result);
}
