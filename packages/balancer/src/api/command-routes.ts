/** The commands of a balancer as routes: one for each, with the same checks and answers as over the socket. */
import { z } from 'zod';
import { controlCommands, lineCommands } from '../control/control-commands.js';
import type { FlowLines } from '../control/flow-requests.js';
import type { CallName, LineCallName } from '../control/protocol.js';
import { purgeOfReals } from '../control/roles.js';
import { type Handlers, sendLines } from '../control/server.js';
import { type BalancerRoute, type RouteInput, StreamedAnswer } from './api-answer.js';

/** The routes of all commands. */
export function commandRoutes(handlers: Handlers): BalancerRoute[] {
  return [
    ...(Object.keys(controlCommands) as CallName[]).map((name) => routeOf(name, handlers)),
    ...(Object.keys(lineCommands) as LineCallName[]).map((name) => lineRoute(name, handlers)),
  ];
}

function routeOf(name: CallName, handlers: Handlers): BalancerRoute {
  const { method, summary, role, request, answer, maxBody } = controlCommands[name];
  const call = handlers[name] as (body: unknown) => Promise<unknown>;
  const common = {
    ...({ path: `/${name}`, summary, role, answer } as const),
    ...(maxBody !== undefined && { maxBody }),
  };
  if (method === 'get')
    return {
      ...common,
      method,
      query: request as unknown as z.ZodObject,
      isQueryTyped: true,
      handle: ({ query }) => call(query),
    };
  return {
    ...common,
    method,
    body: request,
    ...(name === 'apply' && {
      query: z.strictObject({ file: z.string().max(4096).exactOptional().describe('Its name in messages.') }),
      fromText: (text: string, query: unknown) => ({ text, ...(query as object) }),
    }),
    handle: ({ body }) => call(body),
  };
}

function lineRoute(name: LineCallName, handlers: Handlers): BalancerRoute {
  const { method, summary, role, request } = lineCommands[name];
  const handle = (asked: unknown, input: RouteInput) => {
    const own = input.role === 'drain' ? { ...handlers, purge: purgeOfReals(handlers) } : handlers;
    const call = own[name] as (body: unknown) => FlowLines;
    return new StreamedAnswer((response) => sendLines(whileAllowed(call(asked), input), response));
  };
  const common = { path: `/${name}`, summary, role, answerType: 'application/x-ndjson' } as const;
  if (method === 'post')
    return { ...common, method, body: request, handle: (input) => handle(input.body, input) };
  const query = request as unknown as z.ZodObject;
  return { ...common, method, query, isQueryTyped: true, handle: (input) => handle(input.query, input) };
}

/** Ends when the client's token does, or the server. */
async function* whileAllowed(lines: FlowLines, { signal, mayRead }: RouteInput): FlowLines {
  for await (const some of lines) {
    if (signal.aborted || !mayRead()) return;
    yield some;
  }
}
