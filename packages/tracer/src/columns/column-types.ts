/** The columns of events, and what their values mean. */
import type { CloseFields } from '../records/close-fields.js';

/**
 * The columns of fields that only `close` records have: numbers, NaN where absent; for `closed_by` and its like a word.
 */
export type CloseColumns = {
  readonly [Name in keyof CloseFields]-?: NonNullable<CloseFields[Name]> extends string
    ? Uint8Array
    : Float64Array;
};

/**
 * Columns by name; a row is an event. A number that a row does not have is NaN; so is every number that has no meaning for its
 * kind of event. Words are numbers: places in {@link columnWords}.
 */
export interface ColumnTypes extends CloseColumns {
  /** The kind of event, a word. */
  readonly event: Uint8Array;
  /** Wall-clock time, nanoseconds since 1970. */
  readonly time_ns: BigInt64Array;
  /** The kernel's CLOCK_MONOTONIC, nanoseconds. Rows are in this order. */
  readonly monotonic_ns: Float64Array;
  readonly cpu: Uint32Array;
  /** Process id (the kernel's tgid) in the initial pid namespace; NaN where no process is known. */
  readonly pid: Float64Array;
  /** Thread id. */
  readonly tid: Float64Array;
  /** Real user id. */
  readonly uid: Float64Array;
  /** Command name of the process, 16 bytes a row, padded with zeros. */
  readonly comm: Uint8Array;
  /** The thread's own name, in the same form; empty for the process's first thread. */
  readonly thread: Uint8Array;
  /** Inode of the network namespace. */
  readonly netns: Float64Array;
  /** Number of the interface that the socket is bound to. */
  readonly interface_index: Float64Array;
  /** cgroup v2 id of the process. */
  readonly cgroup_id: Float64Array;
  /** 16 bytes a row, IPv4 mapped into IPv6 (`::ffff:a.b.c.d`); zeros where absent. */
  readonly local_address: Uint8Array;
  readonly local_port: Float64Array;
  /** As `local_address`. */
  readonly peer_address: Uint8Array;
  readonly peer_port: Float64Array;
  /** A word. */
  readonly direction: Uint8Array;
  /** With `flow_cpu` the identity of the connection; 0 where absent. */
  readonly flow_ns: BigUint64Array;
  readonly flow_cpu: Uint32Array;
  /** Both initial sequence numbers, the same at both ends of the connection; 0 where absent. */
  readonly connection_id: BigUint64Array;
  /** connect: SYN sent to established, microseconds. */
  readonly handshake_us: Float64Array;
  /** accept: how the process was found, a word. */
  readonly accounted: Uint8Array;
  /** accept: how many processes hold the listening socket, where `accounted` is `listener` and there are several. */
  readonly candidates: Float64Array;
  /** fail: the errno. */
  readonly error: Float64Array;
  /** close and fail, microseconds. */
  readonly duration_us: Float64Array;
  /** fd_install: the descriptor. */
  readonly fd: Float64Array;
}

/** The name of a column. */
export type ColumnName = keyof ColumnTypes;
