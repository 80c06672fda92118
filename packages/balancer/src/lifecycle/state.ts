/** What user space knows and the program does not: saved with the pinned maps, so that a new process goes on from there. */
import { EbpfError } from '@weir/ebpf';
import type { CounterLayout } from '../datapath/counters.js';
import type { ChainPlace } from '../options.js';
import type { Service, ServiceSpec } from '../service.js';

/** The registry of reals, kept for another process. */
export interface SavedReals {
  /** The least number that was never given away. */
  readonly unused: number;
  /** Numbers that came free, in the order in which they get their turn. */
  readonly free: readonly number[];
  /** The generation of each number below `unused`. */
  readonly generations: readonly number[];
  readonly held: readonly {
    readonly number: number;
    readonly address: string;
    /** Default 0. */
    readonly port?: number;
    readonly local: boolean;
  }[];
}

/** A change that the program's tables may not have yet, or not all of. */
export interface Pending {
  readonly service: Service;
  readonly number: number;
  /** Whether its number was not in use before. */
  readonly isNew: boolean;
}

/** The table of services, kept for another process. */
export interface SavedServices {
  readonly served: readonly {
    readonly service: Service;
    readonly spec: ServiceSpec;
    readonly number: number;
  }[];
  /** Changes that may be incomplete; services that are not served are removals. */
  readonly pending: readonly Pending[];
}

/** Everything about services and reals that is not in the program's own tables. */
export interface SavedTables {
  readonly reals: SavedReals;
  readonly services: SavedServices;
}

export interface SavedState extends SavedTables {
  readonly version: typeof VERSION;
  /** Which folder of pins counts. */
  readonly generation: number;
  /** `flows` as it was asked for; null for the default. */
  readonly flows: number | null;
  /** Buckets of each CPU's flow table. */
  readonly buckets: number;
  /** Sources and ports of translated flows, by which slots are found; `undefined` if there are none. */
  readonly nat?: string | undefined;
  /** Random numbers by which flows are found in the flow tables, hexadecimal. */
  readonly secrets: string;
  /** Bytes of an element of the maps inside maps, which the kernel does not tell. */
  readonly innerSizes: Readonly<Record<string, number>>;
  /** Where in a CPU's element each counter lies. */
  readonly counters: CounterLayout;
  readonly chain: ChainPlace | null;
  /** Routers' MAC addresses as last known, by device. */
  readonly routerMacs: Readonly<Record<string, string>>;
}

/** Everything that is saved, except for what the lifecycle itself knows. */
export type SavedKnowledge = Omit<SavedState, 'version' | 'generation' | 'chain'>;

/** Changes with what is saved or its meaning. */
const VERSION = 1;

export function encodeState(state: Omit<SavedState, 'version'>): string {
  return JSON.stringify({ version: VERSION, ...state });
}

/** @throws EbpfError for the state of another version. */
export function decodeState(text: string, name: string): SavedState {
  const state = JSON.parse(text) as SavedState;
  if (state.version === VERSION) return state;
  throw new EbpfError(
    `balancer ${name} was pinned by another version of Weir (state ${String(state.version)}, expected ${VERSION}): ` +
      'detach it with that version, or detach it and start anew',
  );
}

/** The place in a chain that a state names, of whatever version. */
export function savedChain(text: string | undefined): ChainPlace | undefined {
  const { chain } = JSON.parse(text ?? '{}') as Partial<SavedState>;
  return chain ?? undefined;
}
