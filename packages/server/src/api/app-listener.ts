/** The app as what answers requests of Node.js' servers. */
import type { RequestListener } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { ProblemError, problemResponse } from '@weir/http/api';
import type { Hono } from 'hono';
import type { AppEnvironment } from './app.js';

/** The app's listener. */
export function appListener(app: Hono<AppEnvironment>): RequestListener {
  const options = { overrideGlobalObjects: false, errorHandler: noAddress };
  return getRequestListener(app.fetch, options) as RequestListener;
}

/** What asks for no address gets no further than this. */
function noAddress(): Response {
  return problemResponse(new ProblemError('request', 'this is no address of this server'));
}
