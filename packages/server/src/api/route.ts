/** A route of the API: one description from which come its checks, its handler and its part of the OpenAPI document. */
import type { ApiRoute } from '@weir/http/api';
import type { z } from 'zod';
import type { Principal, Role } from '../auth/roles.js';
import type { ApiHistory } from './history.js';

/** What a handler is given. */
export interface RouteContext<Query, Path, Body> {
  readonly query: Query;
  readonly path: Path;
  readonly body: Body;
  readonly principal: Principal;
  /** The history that is asked: the one of this server, or the imported file that `source` names. */
  readonly history: ApiHistory;
  /** Aborted when the client goes away, or the time for the request is over. */
  readonly signal: AbortSignal;
  readonly request: Request;
  /** Whether the client may still ask this: tokens expire, or are removed, while an answer goes on. */
  readonly mayRead: () => boolean;
}

/** A route as it is described. Parameters that are not described are refused. */
export interface RouteDescription<
  Query extends z.ZodObject = z.ZodObject,
  Path extends z.ZodObject = z.ZodObject,
  Body extends z.ZodType = z.ZodType,
  Answer extends z.ZodType = z.ZodType,
> extends ApiRoute {
  /** What a client must be allowed to; `none`: also clients without a token. */
  readonly role: Role | 'none';
  /** Whether it asks the history, so that only some run at a time. */
  readonly isQuery?: boolean;
  /**
   * Whether another server asks, whose questions have places of their own: two servers that ask each other would else wait for each other
   * where each answers as many as it may. Default false.
   */
  readonly isPeer?: boolean;
  /** Milliseconds that such a question may take. Default: the limit of the configuration. */
  readonly timeMs?: number;
  readonly query?: Query;
  readonly pathParameters?: Path;
  readonly body?: Body;
  readonly answer?: Answer;
  /** Returns the answer's JSON, or an answer. */
  readonly handle: (
    context: RouteContext<z.output<Query>, z.output<Path>, z.output<Body>>,
  ) => Promise<z.input<Answer> | Response> | z.input<Answer> | Response;
}

/** A route of any kind. */
// biome-ignore lint/suspicious/noExplicitAny: the types of one route's handler are those of its own schemas.
export type Route = RouteDescription<any, any, any, any>;

/** Gives the handler the types of the schemas beside it. */
export function route<
  Query extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Path extends z.ZodObject = z.ZodObject<Record<never, never>>,
  Body extends z.ZodType = z.ZodUndefined,
  Answer extends z.ZodType = z.ZodUndefined,
>(description: RouteDescription<Query, Path, Body, Answer>): Route {
  return description;
}
