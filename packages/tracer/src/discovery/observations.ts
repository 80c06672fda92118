/** What the experiments saw, for the solver: images, and what is known to stand in each. Pure. */
import type { Image } from './image.js';

/** What TCP_INFO said of a connection on which nothing was under way. */
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

/** A socket at one moment. What is absent is not known. */
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
  /** That nothing but bind() has yet been told this local port. */
  readonly fresh?: boolean;
  /** Those of {@link flagMask} that are set, by their numbers in enum sock_flags. */
  readonly flags?: bigint;
  /** The error that waits for the process: errno, or 0. */
  readonly error?: number;
  /** The error of which the socket has only heard: errno, or 0. */
  readonly softError?: number;
  readonly writeSeq?: number;
  readonly sndUna?: number;
  readonly sndNxt?: number;
  /** Bytes that were written and not yet sent. */
  readonly unsent?: number;
  /** Bytes that were written and not yet acknowledged: these, and those in flight. */
  readonly unacked?: number;
  /** Only where nothing was in flight. */
  readonly counters?: Counters;
}

/** Flags that setsockopt() sets one by one: SOCK_URGINLINE 2, SOCK_KEEPOPEN 3, SOCK_LINGER 4, SOCK_BROADCAST 6. */
export const flagMask = 0b101_1100n;

/** A socket and what its pointers lead to. */
export interface PointerObservation {
  readonly image: Image;
  /** By address. */
  readonly copies: ReadonlyMap<bigint, Image>;
  /** The inode of the network namespace in which the socket was made. */
  readonly netns?: number;
}

export interface Observations {
  readonly images: readonly Observation[];
  readonly pointers: readonly PointerObservation[];
}
