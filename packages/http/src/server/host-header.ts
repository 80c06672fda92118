/** Requests whose header Host is none: an address cannot be made of them, so no route gets to see them. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { problemBody } from '../api/problem.js';
import { hostOf } from '../auth/host-check.js';
import type { Refusals } from '../auth/refusals.js';
import { securityHeaders } from '../auth/security-headers.js';

/** Answers them, and passes on all others. */
export function withHostHeader(listener: RequestListener, refusals: Refusals | undefined): RequestListener {
  return (request, response) => {
    const problem = problemOf(request);
    if (problem === undefined) return listener(request, response);
    refuse(request, response, problem, refusals);
  };
}

interface HostProblem {
  readonly kind: 'request' | 'host';
  readonly detail: string;
}

function problemOf({ headers: { host }, rawHeaders }: IncomingMessage): HostProblem | undefined {
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (host === undefined || count > 1) return { kind: 'request', detail: 'a request has one header Host' };
  if (hostOf(host) !== undefined) return undefined;
  return { kind: 'host', detail: `${JSON.stringify(host.slice(0, 100))} is no name of a host` };
}

function refuse(
  { method, url, socket }: IncomingMessage,
  response: ServerResponse,
  { kind, detail }: HostProblem,
  refusals: Refusals | undefined,
): void {
  const { remoteAddress: address } = socket;
  const { status, headers, body } = problemBody(kind, detail);
  refusals?.add({
    ...{ kind, status, detail },
    ...(method !== undefined && { method }),
    ...(url !== undefined && { path: url }),
    ...(address !== undefined && { address }),
  });
  // Its body, if it has one, is not read.
  response.writeHead(status, { ...securityHeaders('encrypted' in socket), ...headers, connection: 'close' });
  response.end(body);
}
