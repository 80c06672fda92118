/** State that is not in the program's tables, saved beside the pinned maps for the next process. */
import { EbpfError } from '@weir/ebpf';
import type { CounterLayout } from '../datapath/counters.js';
import type { ChainPlace } from '../options.js';
import type { Service, ServiceSpec } from '../service.js';
import type { SavedNetns } from './own-netns.js';

/** The registry of reals, saved for the next process. */
export interface SavedReals {
  /** The lowest number that was never assigned. */
  readonly unused: number;
  /** Released numbers, in the order in which they are assigned again. */
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

/** A change that the program's tables may lack, or have in part. */
export interface Pending {
  readonly service: Service;
  readonly number: number;
  /** Whether its number was unused before the change. */
  readonly isNew: boolean;
}

/** The table of services, saved for the next process. */
export interface SavedServices {
  readonly served: readonly {
    readonly service: Service;
    readonly spec: ServiceSpec;
    readonly number: number;
    /** The reals' weights in the ring that stays while all have weight 0. */
    readonly kept?: readonly number[] | undefined;
  }[];
  /** Changes that may be incomplete. A service that is not in `served` is being removed. */
  readonly pending: readonly Pending[];
}

/** Services and reals, as far as the program's own tables lack them. */
export interface SavedTables {
  readonly reals: SavedReals;
  readonly services: SavedServices;
}

export interface SavedState extends SavedTables, SavedNetns {
  readonly version: typeof formatVersion;
  /** The folder of pins that is in use. */
  readonly generation: number;
  /** The option `flows`; null for the default. */
  readonly flows: number | null;
  /** Buckets of each CPU's flow table. */
  readonly buckets: number;
  /** Sources and ports of translated flows, which decide their slots; `undefined` without translation. */
  readonly nat?: string | undefined;
  /** Random numbers of the flow tables' hash, hexadecimal. */
  readonly secrets: string;
  /** Bytes of an element of the maps inside maps, which the kernel does not show. */
  readonly innerSizes: Readonly<Record<string, number>>;
  /** What the records of VIPs mean; undefined in states that earlier versions saved. */
  readonly recordFormat?: number;
  /** Offsets of the counters in a CPU's element. */
  readonly counters: CounterLayout;
  readonly chain: ChainPlace | null;
  /** Last known MAC addresses of the routers, by device. */
  readonly routerMacs: Readonly<Record<string, string>>;
}

/** The saved state without the lifecycle's own part. */
export type SavedKnowledge = Omit<SavedState, 'version' | 'generation' | 'chain' | 'netns'>;

/** Incremented when the saved state changes its shape or meaning. */
const formatVersion = 1;

export function encodeState(state: Omit<SavedState, 'version'>): string {
  return JSON.stringify({ version: formatVersion, ...state });
}

/** @throws EbpfError for the state of another version. */
export function decodeState(text: string, name: string): SavedState {
  const state = JSON.parse(text) as SavedState;
  if (state.version === formatVersion) return state;
  throw new EbpfError(
    `balancer ${name} was pinned by another version of Weir (state ${String(state.version)}, ` +
      `expected ${formatVersion}): run that version, or detach the balancer and start it again`,
  );
}

/** The place in a chain that a saved state of any version names. */
export function savedChain(text: string | undefined): ChainPlace | undefined {
  const { chain } = JSON.parse(text ?? '{}') as Partial<SavedState>;
  return chain ?? undefined;
}
