/** The control sockets of a balancer: one for everything, and others that allow less, each for a group. */
import type { Config } from '../config/schema.js';
import { RequestError } from './names.js';
import { type controlRoles, rolePath } from './paths.js';
import type { CallName } from './protocol.js';
import { ControlServer, type Handlers } from './server.js';

/** What each role may ask for. */
const allowed: Readonly<Record<(typeof controlRoles)[number], readonly CallName[]>> = {
  read: ['status', 'lookup'],
  drain: ['status', 'lookup', 'drain'],
};

type Role = keyof typeof allowed;

/** The handlers of a role: other requests are refused. */
export function handlersOf(role: Role, handlers: Handlers): Handlers {
  const refuse = (): never => {
    throw new RequestError(
      `this socket is for ${allowed[role].join(' and ')} only: the rest is for root and the group in control.group`,
    );
  };
  const refused: Handlers = {
    status: refuse,
    apply: refuse,
    drain: refuse,
    lookup: refuse,
    stop: refuse,
    capture: refuse,
  };
  return { ...refused, ...Object.fromEntries(allowed[role].map((name) => [name, handlers[name]])) };
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
