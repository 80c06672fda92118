/** The protocol of the control socket: HTTP with JSON, on a Unix socket that only root and a group may open. */
import type { Explanation } from '../balancer.js';
import type { Flow } from '../datapath/frame.js';
import type { ReasonName } from '../datapath/outcome.js';
import type { Applied } from './daemon.js';
import type { FlowsBody, PurgeBody } from './flow-requests.js';
import type { Status } from './status-report.js';

/** Requests by path, with their bodies and answers. */
export interface Calls {
  /** `overMs`: time over which rates are measured, milliseconds; 0 for no rates. */
  status: { readonly body: { readonly overMs: number }; readonly answer: Status };
  /** `file`: the name of the configuration `text` in messages. */
  apply: { readonly body: { readonly file: string; readonly text: string }; readonly answer: Applied };
  /** `force`: drain the last healthy real of a VIP, too. */
  drain: {
    readonly body: {
      readonly vip: string;
      readonly real: string;
      readonly drained: boolean;
      readonly force?: boolean;
    };
    readonly answer: { readonly vip: string; readonly real: string };
  };
  lookup: {
    readonly body: Flow;
    readonly answer: NamedExplanation & { readonly onSyn?: NamedExplanation };
  };
  /** Removes a flow from the tables. The answer: from how many CPUs' tables. */
  deleteFlow: { readonly body: Flow; readonly answer: { readonly removed: number } };
  stop: { readonly body: { readonly detach: boolean }; readonly answer: Record<string, never> };
}

/** An explanation with the names of the configuration. */
export type NamedExplanation = Explanation & { readonly vip?: string; readonly realName?: string };

/** Name of a call over the control socket. */
export type CallName = keyof Calls;

/** Requests by path that are answered with lines of JSON, and their bodies. */
export interface LineCalls {
  flows: FlowsBody;
  purge: PurgeBody;
}

/** Name of a call that is answered with lines. */
export type LineCallName = keyof LineCalls;

/** Trailers of a capture, with its totals. */
export const packetsTrailer = 'weir-packets';
export const lostTrailer = 'weir-lost';

/**
 * The query of `/capture`, which answers with the bytes of a pcapng file until the request's body ends; that
 * is empty. The fields are those of StreamOptions.
 */
export interface CaptureBody {
  readonly every?: number;
  readonly reasons?: readonly ReasonName[];
  readonly misses?: boolean;
  readonly bytes?: number;
  readonly count?: number;
}

/** The answer with a status other than 200. */
export interface Refusal {
  /** `request`: the request is at fault. `failed`: the action failed. */
  readonly kind: 'request' | 'failed';
  readonly message: string;
}
