/** What a route of the API is given, and what it answers. */
import type { ServerResponse } from 'node:http';
import type { ApiRoute } from '@weir/http/api';
import type { BalancerRole } from '../control/command-roles.js';

/** What a handler is given. */
export interface RouteInput {
  readonly query: unknown;
  readonly body: unknown;
  /** The role of the client's token; undefined without one. */
  readonly role: BalancerRole | undefined;
  /** Aborted when the client goes away, or the server ends. */
  readonly signal: AbortSignal;
  /** Whether the client may still ask this: tokens expire, or are removed, while an answer goes on. */
  readonly mayRead: () => boolean;
}

/** An answer that goes on, and is no JSON. */
export class StreamedAnswer {
  readonly send: (response: ServerResponse) => Promise<void>;

  /** @param send Sends the headers and the body, and ends the answer. */
  constructor(send: (response: ServerResponse) => Promise<void>) {
    this.send = send;
  }
}

/** JSON with another status than 200. */
export class StatusAnswer {
  readonly status: number;
  readonly json: unknown;

  constructor(status: number, json: unknown) {
    this.status = status;
    this.json = json;
  }
}

/** A route with its handler. */
export interface BalancerRoute extends ApiRoute {
  readonly role: BalancerRole | 'none';
  /** Reads a body that is no JSON as what the body's schema has. @param query The address's parameters. */
  readonly fromText?: (text: string, query: unknown) => unknown;
  /** Returns the answer's JSON, or an answer. */
  readonly handle: (input: RouteInput) => unknown;
}
