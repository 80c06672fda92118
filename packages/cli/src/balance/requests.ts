/** Requests that the command line of `weir balance` can make. */
import type { ReasonName } from '@weir/balancer';
import type { ColourMode } from '../text/colour.js';

interface General {
  readonly debug?: boolean;
}

/** Flags that choose one of the running balancers. */
export interface Which extends General {
  readonly socket?: string;
  readonly name?: string;
  /** The URL of an API, instead of a socket. */
  readonly remote?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
}

/** Flags of what is done with tokens. */
export interface TokenFlags extends General {
  /** Default: the one of configurations that name none. */
  readonly file?: string;
}

export interface TokenAddFlags extends TokenFlags {
  readonly role: 'read' | 'drain' | 'apply';
  /** As it was written. */
  readonly expires?: string;
}

export interface CheckFlags extends General {
  readonly json?: boolean;
}

export interface SimulateFlags extends General {
  readonly packet: readonly string[];
  readonly json?: boolean;
}

export interface RunFlags extends General {
  readonly detach?: boolean;
  readonly forgetFlows?: boolean;
  readonly readyFd?: number;
}

export interface StatusFlags extends Which {
  readonly json?: boolean;
  readonly color: ColourMode;
  /** Milliseconds; rates are taken over this time. */
  readonly interval: number;
}

export interface LookupFlags extends Which {
  readonly json?: boolean;
  readonly protocol: 'tcp' | 'udp';
}

export interface CaptureFlags extends Which {
  readonly output?: string;
  readonly reason?: readonly ReasonName[];
  readonly miss?: boolean;
  readonly every?: number;
  readonly bytes?: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly count?: number;
}

export const flowActions = ['list', 'analyse', 'delete', 'purge'] as const;

export interface FlowsFlags extends Which {
  readonly vip?: string;
  readonly real?: string;
  readonly source?: string;
  readonly protocol?: 'tcp' | 'udp';
  /** Milliseconds. */
  readonly older?: number;
  /** Milliseconds. */
  readonly younger?: number;
  readonly limit?: number;
  readonly json?: boolean;
}

export interface DrainFlags extends Which {
  readonly force?: boolean;
}

export interface StopFlags extends Which {
  readonly keepForwarding?: boolean;
}

/** Flags of what leaves programs in the kernel. */
export interface PinnedFlags extends General {
  readonly name?: string;
  readonly status?: boolean;
  readonly detach?: boolean;
  readonly json?: boolean;
  readonly metrics?: boolean;
}

export interface DecapsulateFlags extends PinnedFlags {
  readonly address?: readonly string[];
  readonly guePort?: number;
  readonly mode?: 'native' | 'generic';
  readonly egress?: boolean;
  readonly matchSource?: boolean;
}

export interface ServerIdFlags extends PinnedFlags {
  readonly return?: boolean;
  readonly cgroup?: string;
}

export interface TryFlags extends General {
  readonly reals: number;
  /** Requests a second. */
  readonly rate: number;
  readonly readyFd?: number;
}

export type BalanceRequest =
  | { readonly command: 'try'; readonly flags: TryFlags }
  | {
      readonly command: 'decapsulate';
      readonly interfaces: readonly string[];
      readonly flags: DecapsulateFlags;
    }
  | { readonly command: 'server-id'; readonly id: number | undefined; readonly flags: ServerIdFlags }
  | { readonly command: 'check'; readonly file: string; readonly flags: CheckFlags }
  | { readonly command: 'simulate'; readonly file: string; readonly flags: SimulateFlags }
  | { readonly command: 'run'; readonly file: string; readonly flags: RunFlags }
  | { readonly command: 'apply'; readonly file: string; readonly flags: Which }
  | { readonly command: 'status'; readonly flags: StatusFlags }
  | {
      readonly command: 'drain' | 'undrain';
      readonly vip: string;
      readonly real: string;
      readonly flags: DrainFlags;
    }
  | {
      readonly command: 'lookup';
      readonly source: string;
      readonly destination: string;
      readonly flags: LookupFlags;
    }
  | {
      readonly command: 'flows';
      readonly action: (typeof flowActions)[number];
      readonly operands: readonly string[];
      readonly flags: FlowsFlags;
    }
  | { readonly command: 'capture'; readonly flags: CaptureFlags }
  | { readonly command: 'stop'; readonly flags: StopFlags }
  | { readonly command: 'detach'; readonly flags: Which }
  | TokenRequest;

/** What is to be done with tokens of the API. */
export type TokenRequest =
  | { readonly command: 'token-add'; readonly name: string; readonly flags: TokenAddFlags }
  | { readonly command: 'token-list'; readonly flags: TokenFlags & { readonly json?: boolean } }
  | { readonly command: 'token-remove'; readonly name: string; readonly flags: TokenFlags };
