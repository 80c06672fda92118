/** Who makes a request, and whether they may. */
import type { IncomingMessage } from 'node:http';
import { ProblemError, pathOf } from '@weir/http/api';
import { loginProblem, type RequestLogs } from '@weir/http/server';
import type { Authenticator } from '../auth/authenticator.js';
import { includesRole, type Principal } from '../auth/roles.js';
import { sessionToken } from '../auth/session-cookie.js';
import type { Route } from './route.js';

const nobody: Principal = { name: 'nobody', role: 'read', by: 'loopback' };

/** Recognizes a client and checks its role. Failed logins, and what admins do, are written to the audit log. */
export function authorize(
  route: Route,
  incoming: IncomingMessage,
  authenticator: Authenticator,
  logs: RequestLogs,
): Principal {
  if (route.role === 'none') return nobody;
  const request = requestEntry(route, incoming);
  const principal = recognize(incoming, authenticator, request, logs);
  const { name } = principal;
  if (includesRole(principal.role, route.role)) {
    if (route.role === 'admin')
      logs.audit?.add({ event: 'request', principal: name, status: 200, ...request });
    return principal;
  }
  const detail = `this needs the role ${route.role}, and ${name} has ${principal.role}`;
  if (route.role === 'admin') logs.refusals?.add({ kind: 'role', principal: name, status: 403, ...request });
  throw new ProblemError('role', detail);
}

function recognize(
  incoming: IncomingMessage,
  authenticator: Authenticator,
  request: ReturnType<typeof requestEntry>,
  logs: RequestLogs,
): Principal {
  const { headers } = incoming;
  const { userHeader } = authenticator;
  const user = userHeader === undefined ? undefined : headers[userHeader.toLowerCase()];
  const result = authenticator.authenticate({
    address: addressOf(incoming),
    authorization: headers.authorization,
    cookie: sessionToken(headers.cookie),
    proxyUser: typeof user === 'string' ? user : undefined,
  });
  if ('principal' in result) return result.principal;
  throw loginProblem(result, request, logs);
}

/** The client's address; undefined on a Unix socket. One that has gone away already has none either, but is no Unix socket. */
function addressOf({ socket }: IncomingMessage): string | undefined {
  if (socket.remoteAddress !== undefined) return socket.remoteAddress;
  return socket.localAddress === undefined && !socket.destroyed ? undefined : '::';
}

function requestEntry(route: Route, incoming: IncomingMessage) {
  const { remoteAddress } = incoming.socket;
  return {
    method: route.method.toUpperCase(),
    path: pathOf(route),
    ...(remoteAddress !== undefined && { address: remoteAddress }),
  };
}
