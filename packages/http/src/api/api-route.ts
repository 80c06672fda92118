/** What a route of an API says about itself: its checks and its part of the OpenAPI document come from that. */
import type { z } from 'zod';

/** A route without its handler. Parameters that are not described are refused. */
export interface ApiRoute {
  readonly method: 'get' | 'post' | 'delete';
  /** Below `/api/v1`, with `{name}` for each parameter. */
  readonly path: `/${string}`;
  /** Whether the path is not below `/api/v1`. Default false. */
  readonly isRoot?: boolean;
  readonly summary: string;
  /** What a client must be allowed to; `none`: also clients without a token. */
  readonly role: string;
  /** The longest body, bytes. Default 1,000,000. */
  readonly maxBody?: number;
  readonly query?: z.ZodObject;
  /** Whether values in the query are numbers, lists and so on where their schemas are; else all are texts. Default false. */
  readonly isQueryTyped?: boolean;
  readonly pathParameters?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The answer's JSON. Absent: {@link ApiRoute.answerType}. */
  readonly answer?: z.ZodType;
  /** Media type of an answer that is no JSON. */
  readonly answerType?: string;
}
