/** The observations of the experiments, for the solver: images of sockets with the values known to be in each. Pure. */
import type { Image } from './image.js';

/** TCP_INFO of a connection on which nothing was in flight. */
export interface Counters {
  /** Microseconds, rounded down. */
  readonly rttUs: number;
  readonly totalRetrans: number;
  readonly bytesAcked: bigint;
  readonly bytesReceived: bigint;
  readonly segsOut: number;
  readonly segsIn: number;
  /** Bytes sent, and of these again; absent before Linux 4.19. */
  readonly bytesSent?: bigint;
  readonly bytesRetrans?: bigint;
}

/** A socket at one moment. Absent values are not known. */
export interface Observation {
  readonly image: Image;
  /** TCP_*: the state which the socket was still in. */
  readonly state: number;
  /** AF_*. */
  readonly family: number;
  /** Addresses as numbers of which the first octet is the highest. */
  readonly peerAddress?: number;
  readonly localAddress?: number;
  /** Sixteen bytes each. */
  readonly peerAddress6?: Uint8Array;
  readonly localAddress6?: Uint8Array;
  readonly peerPort?: number;
  readonly localPort?: number;
  /** Whether so far only bind() has set this local port. */
  readonly fresh?: boolean;
  /** The flags of {@link flagMask} that are set, by their numbers in enum sock_flags. */
  readonly flags?: bigint;
  /** The error that waits for the process: errno, or 0. */
  readonly error?: number;
  /** The soft error: errno, or 0. */
  readonly softError?: number;
  readonly writeSeq?: number;
  readonly sndUna?: number;
  readonly sndNxt?: number;
  readonly rcvNxt?: number;
  /** Directions that are shut down: 1 for receiving, 2 for sending. */
  readonly shutdown?: number;
  /** The index of the device to which the socket is bound, or 0. */
  readonly boundDevice?: number;
  /** Bytes that were written and not yet sent. */
  readonly unsent?: number;
  /** Bytes that were written and not yet acknowledged: these, and those in flight. */
  readonly unacked?: number;
  /** Only where nothing was in flight. */
  readonly counters?: Counters;
}

/** Flags that setsockopt() sets one by one: SOCK_URGINLINE 2, SOCK_KEEPOPEN 3, SOCK_LINGER 4, SOCK_BROADCAST 6. */
export const flagMask = 0b101_1100n;

/** A socket and the objects to which its pointers lead. */
export interface PointerObservation {
  readonly image: Image;
  /** By address. */
  readonly copies: ReadonlyMap<bigint, Image>;
  /** The inode of the network namespace in which the socket was made. */
  readonly netns?: number;
}

/** A thread of this process. */
export interface TaskObservation {
  readonly image: Image;
  /** The ids of the thread and of its process, in the first pid namespace. */
  readonly pid: number;
  readonly tgid: number;
  /** The thread's name, without a NUL. */
  readonly comm: Uint8Array;
  /** PF_*, as /proc shows them. */
  readonly flags?: number;
}

export interface Observations {
  /** Threads of this process: this one, under several names, and another one. */
  readonly tasks: readonly TaskObservation[];
  /** Memory at addresses to which pointers of the tasks lead: at the offsets at which these stand themselves, and at that of `pid`. */
  readonly taskCopies: ReadonlyMap<bigint, Image>;
  readonly images: readonly Observation[];
  readonly pointers: readonly PointerObservation[];
}
