/** What `weir balance` can be asked for on the command line. */
interface General {
  readonly debug?: boolean;
}

export interface CheckFlags extends General {
  readonly json?: boolean;
}

export interface SimulateFlags extends General {
  readonly packet: readonly string[];
  readonly json?: boolean;
}

export type BalanceRequest =
  | { readonly command: 'check'; readonly file: string; readonly flags: CheckFlags }
  | { readonly command: 'simulate'; readonly file: string; readonly flags: SimulateFlags };
