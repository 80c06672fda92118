/** The control sockets of a balancer: one for everything, and others that allow less, each for a group. */
import type { Config } from '../config/schema.js';
import { RequestError } from './names.js';
import { type controlRoles, rolePath } from './paths.js';
import type { CallName, LineCallName } from './protocol.js';
import { ControlServer, type Handlers } from './server.js';

/** What each role may ask for. */
const allowed: Readonly<Record<(typeof controlRoles)[number], readonly (CallName | LineCallName)[]>> = {
  read: ['status', 'lookup', 'flows'],
  drain: ['status', 'lookup', 'flows', 'drain', 'deleteFlow', 'purge'],
};

type Role = keyof typeof allowed;

/** The handlers of a role: other requests are refused. */
export function handlersOf(role: Role, handlers: Handlers): Handlers {
  const refuse = (): never => {
    throw new RequestError(
      `this socket is for ${allowed[role].join(' and ')} only: the rest is for root and the group in control.group`,
    );
  };
  const refuseLines = async function* (): AsyncGenerator<never> {
    yield refuse();
  };
  const refused: Handlers = {
    status: refuse,
    apply: refuse,
    drain: refuse,
    lookup: refuse,
    deleteFlow: refuse,
    flows: refuseLines,
    purge: refuseLines,
    stop: refuse,
    capture: refuse,
  };
  const own = Object.fromEntries(allowed[role].map((name) => [name, handlers[name]]));
  return { ...refused, ...own, ...(role === 'drain' && { purge: purgeOfReals(handlers) }) };
}

/** Who may drain reals may end their flows, but not all flows of a VIP. */
function purgeOfReals({ purge }: Handlers): Handlers['purge'] {
  return async function* (body) {
    if (body.real === undefined)
      throw new RequestError(
        'this socket purges the flows of a real: name one; a whole VIP is for root and the group in control.group',
      );
    yield* purge(body);
  };
}

/** All control sockets of a balancer. */
export class ControlSockets {
  /** Resolves after {@link close}, once all answers are sent. */
  readonly closed: Promise<void>;
  readonly #servers: readonly ControlServer[];

  /** Listens on the sockets of a configuration. @throws as {@link ControlServer.listen} */
  static async listen(
    socket: string,
    { group, drainGroup, readGroup }: Config['control'],
    handlers: Handlers,
  ): Promise<ControlSockets> {
    const servers = [await ControlServer.listen(socket, group, handlers)];
    try {
      for (const [role, of] of [
        ['drain', drainGroup],
        ['read', readGroup],
      ] as const) {
        if (of === undefined) continue;
        servers.push(await ControlServer.listen(rolePath(socket, role), of, handlersOf(role, handlers)));
      }
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    return new ControlSockets(servers);
  }

  private constructor(servers: readonly ControlServer[]) {
    this.#servers = servers;
    this.closed = Promise.all(servers.map(({ closed }) => closed)).then(() => undefined);
  }

  /** Removes the sockets; answers in progress are completed. */
  close(): void {
    for (const server of this.#servers) server.close();
  }
}
