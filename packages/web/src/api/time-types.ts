/** Times in answers of the API. */

/** RFC 3339 in UTC with nanoseconds. */
export type ApiTime = string;

/** A range of time. */
export interface ApiRange {
  readonly from: ApiTime;
  readonly to: ApiTime;
}
