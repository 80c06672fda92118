/** What one history answers, of which the answers of several are put together. */
import type { EdgesPart, ServersElsewhere, SideIds, Sides, SumsOfGroups } from '@weir/history/merge';
import type {
  Answer,
  ConnectionHistory,
  ConnectionKey,
  ConnectionSort,
  ConnectionsPage,
  GroupKey,
  Groups,
  MeasureOrder,
  OpenAt,
} from '@weir/history/query';
import type { HostRow } from '@weir/history/schema';
import type { Range } from '../api/history.js';

/** Connections that are meant. */
export interface PartFilter {
  readonly range: Range;
  /** In the language of people, as another host has to read it, too. */
  readonly filter?: string;
}

/** The same without ends that do not count. */
export interface CountedFilter extends PartFilter {
  readonly without?: SideIds;
}

/** The questions, by name, and what is asked. */
export interface PartQuestions {
  readonly connections: PartFilter & {
    readonly order: 'newest' | 'oldest' | ConnectionSort;
    readonly limit: number;
    readonly cursor?: string;
  };
  readonly openAt: {
    readonly at: bigint;
    readonly filter?: string;
    readonly limit: number;
    readonly figures: 'look' | 'moment';
  };
  readonly connection: { readonly range: Range; readonly key: ConnectionKey };
  readonly losses: { readonly range: Range };
  readonly hosts: Readonly<Record<never, never>>;
  readonly sides: PartFilter & { readonly node?: string; readonly limit: number };
  readonly sums: CountedFilter & {
    readonly by: readonly string[];
    readonly step?: bigint;
    readonly order: MeasureOrder;
    readonly limit: number;
    readonly keys?: readonly GroupKey[];
  };
  readonly edges: CountedFilter & {
    readonly by: string;
    readonly networks: readonly string[];
    readonly order: MeasureOrder;
    readonly limit: number;
    readonly elsewhere: ServersElsewhere;
  };
  readonly percentiles: CountedFilter & {
    readonly by: readonly string[];
    readonly order: MeasureOrder;
    readonly percentiles: readonly number[];
    readonly keys: readonly GroupKey[];
  };
}

/** The name of a question. */
export type PartName = keyof PartQuestions;

/** What is answered. */
export interface PartAnswers {
  readonly connections: Answer<ConnectionsPage>;
  readonly openAt: Answer<OpenAt>;
  readonly connection: Answer<ConnectionHistory>;
  readonly losses: Answer<null>;
  readonly hosts: readonly HostRow[];
  readonly sides: Answer<Sides>;
  readonly sums: Answer<SumsOfGroups>;
  readonly edges: Answer<EdgesPart>;
  readonly percentiles: Answer<Groups>;
}

/** One history of several. */
export interface HistoryPart {
  /** What it is called where it does not answer. */
  readonly name: string;
  /** The name of its host, as far as it is known. */
  readonly host: string | undefined;
  /**
   * Asks a question.
   *
   * @throws PeerError where another host does not answer; what the history throws, where it is this host's
   */
  ask<Name extends PartName>(
    name: Name,
    query: PartQuestions[Name],
    signal: AbortSignal | undefined,
  ): Promise<PartAnswers[Name]>;
}

/** Why another host does not answer. */
export type PeerFailure = 'unreachable' | 'timeout' | 'refused' | 'version' | 'failed';

/** Another host does not answer. The message says why, without its name. */
export class PeerError extends Error {
  override name = 'PeerError';
  readonly kind: PeerFailure;

  constructor(kind: PeerFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
