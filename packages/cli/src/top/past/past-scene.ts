/** What a run of `weir top --at` is asked for, and what its parts share. */
import type { Frame } from '../model/frame.js';
import type { TopRequest } from '../top-session.js';
import type { Contents, RecordedMoment } from './past-frame.js';
import type { PastRecords } from './past-records.js';
import type { Timeline } from './timeline.js';

export interface PastRequest
  extends Pick<
    TopRequest,
    'view' | 'sort' | 'filter' | 'filterText' | 'rows' | 'width' | 'paint' | 'json' | 'enrich'
  > {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  /** Moments to print. */
  readonly count: number;
  /** From one to the next. */
  readonly intervalMs: number;
  /** Connections of a moment. */
  readonly limit: number;
  readonly contents: Contents;
}

/** What a run has from its start on. */
export interface PastScene {
  readonly request: PastRequest;
  readonly timeline: Timeline;
  readonly records: PastRecords;
  readonly first: RecordedMoment;
  readonly frameOf: (moment: RecordedMoment) => Frame;
  readonly ending: AbortController;
}
