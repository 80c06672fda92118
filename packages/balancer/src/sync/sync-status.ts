/** What is known of the sharing of flows. */
import type { LearnedFlows } from './peer-flows.js';
import type { ReplayRefusal } from './replay-guard.js';
import type { SyncRefusal } from './sync-message.js';

/** Why datagrams were refused. */
export type DatagramRefusal = SyncRefusal | ReplayRefusal;

/** What is known of another balancer. */
export interface SyncPeerStatus {
  readonly address: string;
  readonly datagrams: number;
  /** Datagrams that did not come, by gaps in their numbers. */
  readonly lost: number;
  /** From the sending of the last datagram to its application, by both clocks, milliseconds. */
  readonly lagMs: number;
  /** Time since the last datagram, milliseconds. */
  readonly silentMs: number;
}

/** Counts since the start. */
export interface SyncStatus {
  readonly sentFlows: number;
  readonly sentDatagrams: number;
  readonly sentBytes: number;
  /** New flows that were not sent: there were more than `rate`. */
  readonly rateLimited: number;
  /** New flows that were not read in time. */
  readonly unread: number;
  /** Datagrams that could not be sent. */
  readonly failed: number;
  readonly receivedFlows: number;
  readonly receivedDatagrams: number;
  readonly learned: LearnedFlows;
  /** Removals that another balancer asked for. */
  readonly removals: number;
  /** Datagrams that were refused. */
  readonly refused: Readonly<Record<DatagramRefusal, number>>;
  readonly peers: readonly SyncPeerStatus[];
}

/** What was sent since the start. */
export type SentCounts = Pick<SyncStatus, 'sentFlows' | 'sentDatagrams' | 'sentBytes' | 'failed'>;

/** What came since the start. */
export type ReceivedCounts = Pick<
  SyncStatus,
  'receivedFlows' | 'receivedDatagrams' | 'learned' | 'refused' | 'peers'
>;
