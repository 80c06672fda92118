/** A time in the past whose state is shown. */

export interface PastMoment {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  /** Nothing is recorded before it, or behind it. */
  readonly edge?: 'first' | 'last' | undefined;
  /** What is not known near it, for people; names are escaped. */
  readonly complaints: readonly string[];
  readonly json: JsonPast;
}

/** What JSON says of a time in the past besides what was open. */
export interface JsonPast {
  /** Losses near it. */
  readonly losses: readonly object[];
  /** Spans near it in which nothing was recorded. */
  readonly unrecorded: readonly { readonly from: string; readonly to: string }[];
}
