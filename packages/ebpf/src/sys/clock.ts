/** The kernel's clocks, in nanoseconds. */
import { type Arena, createArena } from './arena.js';
import { readSmallFile } from './files.js';
import { syscall } from './syscalls.js';

/** Clock ids of include/uapi/linux/time.h. */
export const Clock = { realtime: 0, monotonic: 1, monotonicCoarse: 6, boottime: 7 } as const;

export type ClockId = (typeof Clock)[keyof typeof Clock];

let arena: Arena | undefined;

/** The time of a clock in nanoseconds. */
export function clockNs(clock: ClockId): bigint {
  arena ??= createArena(16);
  syscall('clock_gettime', clock, arena.address);
  return arena.view.getBigInt64(0, true) * 1_000_000_000n + arena.view.getBigInt64(8, true);
}

/** Nanoseconds of a jiffy, the kernel's own tick, by which the coarse clock goes. */
export function jiffyNs(): number {
  arena ??= createArena(16);
  syscall('clock_getres', Clock.monotonicCoarse, arena.address);
  return Number(arena.view.getBigInt64(8, true));
}

let namespaceNs: bigint | undefined;

/**
 * The kernel's CLOCK_MONOTONIC in nanoseconds, the clock that the helper bpf_ktime_get_ns reads. In a time namespace (5.6), the
 * clock that programs see is ahead of it or behind.
 */
export function monotonicNs(): bigint {
  namespaceNs ??= parseTimeNamespace(readSmallFile('/proc/self/timens_offsets') ?? '');
  return process.hrtime.bigint() - namespaceNs;
}

/** Nanoseconds by which CLOCK_MONOTONIC is ahead in a time namespace, out of /proc/PID/timens_offsets. Pure. */
export function parseTimeNamespace(offsets: string): bigint {
  // The second is negative where the clock is behind; the nanosecond never is.
  const [, seconds, ns] = /^monotonic\s+(-?\d+)\s+(\d+)$/m.exec(offsets) ?? [];
  return seconds === undefined ? 0n : BigInt(seconds) * 1_000_000_000n + BigInt(ns!);
}

/**
 * The difference that makes wall-clock time since 1970 of a monotonic time, in nanoseconds. The reading between the
 * two closest monotonic times counts, out of a few, so that a preemption in the middle does not spoil it.
 */
export function realtimeOffsetNs(): bigint {
  return offsetNs(Clock.realtime);
}

/**
 * The time this host was suspended since it booted, in nanoseconds, by which CLOCK_BOOTTIME is ahead of the kernel's
 * CLOCK_MONOTONIC. In a time namespace it has the namespace's offset, as start times in /proc have it.
 */
export function suspendedNs(): bigint {
  return offsetNs(Clock.boottime);
}

function offsetNs(clock: ClockId): bigint {
  let best: { width: bigint; offset: bigint } | undefined;
  for (let attempt = 0; attempt < 5; attempt++) {
    const before = monotonicNs();
    const time = clockNs(clock);
    const after = monotonicNs();
    const width = after - before;
    if (best === undefined || width < best.width) best = { width, offset: time - before - width / 2n };
  }
  return best!.offset;
}
