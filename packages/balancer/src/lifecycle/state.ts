/** What user space knows and the program does not: saved with the pinned maps, so that a new process goes on from there. */
import { EbpfError } from '@weir/ebpf';
import type { CounterLayout } from '../datapath/counters.js';
import type { SavedTables } from '../datapath/tables.js';

/** Another slot's place in a chain of XDP programs. */
export interface ChainPlace {
  /** Path of the pinned program array. */
  readonly map: string;
  readonly index: number;
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
