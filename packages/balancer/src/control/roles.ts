/** The control sockets of a balancer: one for everything, and others that allow less, each for a group. */
import type { Config } from '../config/schema.js';
import { type BalancerRole, includesRole } from './command-roles.js';
import { controlCommands, lineCommands } from './control-commands.js';
import { RequestError } from './names.js';
import { type controlRoles, rolePath } from './paths.js';
import type { CallName, LineCallName } from './protocol.js';
import { ControlServer, type Handlers } from './server.js';

type Role = (typeof controlRoles)[number];

const callNames = Object.keys(controlCommands) as CallName[];
const lineNames = Object.keys(lineCommands) as LineCallName[];

function isAllowed(role: Role, command: { readonly role: BalancerRole }): boolean {
  return includesRole(role, command.role);
}

/** What a role may ask for. */
function allowedTo(role: Role): string[] {
  return Object.entries({ ...controlCommands, ...lineCommands })
    .filter(([, command]) => isAllowed(role, command))
    .map(([name]) => name);
}

/** The handlers of a role: other requests are refused. */
export function handlersOf(role: Role, handlers: Handlers): Handlers {
  const refuse = (): never => {
    throw new RequestError(
      `this socket is for ${allowedTo(role).join(' and ')} only: the rest is for root and the group in control.group`,
    );
  };
  const refuseLines = async function* (): AsyncGenerator<never> {
    yield refuse();
  };
  const calls = callNames.map((name) => [
    name,
    isAllowed(role, controlCommands[name]) ? handlers[name] : refuse,
  ]);
  const lines = lineNames.map((name) => [
    name,
    isAllowed(role, lineCommands[name]) ? handlers[name] : refuseLines,
  ]);
  return {
    ...(Object.fromEntries([...calls, ...lines]) as Handlers),
    ...(role === 'drain' && { purge: purgeOfReals(handlers) }),
    capture: refuse,
  };
}

/** Who may drain reals may end their flows, but not all flows of a VIP. */
export function purgeOfReals({ purge }: Handlers): Handlers['purge'] {
  return async function* (body) {
    if (body.real === undefined)
      throw new RequestError(
        'the role drain purges the flows of a real: name one; a whole VIP is for those who may do everything',
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
