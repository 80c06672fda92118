/** Chooses the running balancer that the flags mean, and asks it or takes off what it left. */

import { rmSync } from 'node:fs';
import { Balancer } from '@weir/balancer';
import {
  type BalancerClient,
  ControlClient,
  controlRoles,
  defaultSocket,
  NotRunningError,
  type PinnedAttachment,
  pinnedAttachments,
  pinnedFolder,
  RemoteClient,
  RequestError,
  rolePath,
  socketNames,
  statePath,
  usableSocket,
} from '@weir/balancer/control';
import { OptionError } from '@weir/ebpf/errors';
import { readInput } from '../args/input-file.js';
import { UsageError } from '../failure.js';
import type { Which } from './requests.js';

/**
 * Asks the running balancer that the flags choose.
 *
 * @throws UsageError if several balancers run and none is chosen, or if the balancer refuses the request; NotRunningError
 * if none answers; Error if the balancer could not do it
 */
export async function ask<T>(which: Which, question: (client: BalancerClient) => Promise<T>): Promise<T> {
  const client = clientOf(which);
  try {
    return await question(client);
  } catch (error) {
    if (error instanceof RequestError) throw new UsageError(error.message, { cause: error });
    const left = error instanceof NotRunningError ? forwardingText(which) : undefined;
    throw left === undefined
      ? error
      : new NotRunningError(`${(error as Error).message}. ${left}`, { cause: error });
  }
}

/** @throws UsageError */
function clientOf(which: Which): BalancerClient {
  const { remote: url, tokenFile, ca, name, socket } = which;
  if (url === undefined) {
    if (tokenFile !== undefined || ca !== undefined)
      throw new UsageError('--token-file and --ca are for --remote URL');
    return new ControlClient(usableSocket(socketOf(which)));
  }
  if (name !== undefined || socket !== undefined)
    throw new UsageError('--remote names a balancer elsewhere: leave out --name and --socket');
  try {
    return new RemoteClient({
      url,
      ...(tokenFile !== undefined && { token: tokenIn(tokenFile) }),
      ...(ca !== undefined && { ca: readInput(ca) }),
    });
  } catch (error) {
    throw error instanceof OptionError
      ? new UsageError(`--remote: ${error.message}`, { cause: error })
      : error;
  }
}

/** @throws UsageError */
function tokenIn(file: string): string {
  const text = readInput(file).toString().trim();
  if (!/^[\w-]{1,200}$/.test(text))
    throw new UsageError(`${file}: this is no token of "weir balance token add"`);
  return text;
}

/** What a balancer without a process still does; undefined if nothing is pinned, or that cannot be found out. */
function forwardingText({ name: given, socket, remote }: Which): string | undefined {
  if (socket !== undefined || remote !== undefined) return undefined;
  try {
    const pinned = Balancer.pinned();
    const name = given ?? (pinned.length === 1 ? pinned[0] : undefined);
    if (name === undefined || !pinned.includes(name)) return undefined;
    return pinnedText(name, pinnedAttachments(name));
  } catch {
    return undefined;
  }
}

/** The message about a balancer whose programs forward without its process. */
export function pinnedText(name: string, attachments: readonly PinnedAttachment[]): string {
  const programs = attachments.map(({ interface: device, program }) =>
    device === undefined ? `program ${program} of a device that is gone` : `program ${program} on ${device}`,
  );
  const what = programs.length === 0 ? 'its program in a chain' : programs.join(', ');
  return (
    `Packets of the balancer ${name} are still forwarded, by ${what}, pinned in ${pinnedFolder(name)}: ` +
    '"weir balance run FILE" resumes it, "weir balance detach" ends forwarding'
  );
}

function socketOf({ socket, name }: Which): string {
  return socket ?? defaultSocket(name ?? onlyOne(socketNames()));
}

/** @throws UsageError, NotRunningError */
function onlyOne(names: readonly string[]): string {
  if (names.length > 1)
    throw new UsageError(`several balancers run here: choose one with --name ${names.join(' or ')}`);
  if (names.length === 0) throw new NotRunningError('no balancer runs here');
  return names[0]!;
}

/** Takes off what a balancer without a process has left; returns whether there was anything. @throws EbpfError */
export function takeOff({ name: given, socket }: Which): boolean {
  const name = given ?? onlyPinned(Balancer.pinned());
  if (name === undefined) return false;
  const was = Balancer.detach(name);
  const path = socket ?? defaultSocket(name);
  const sockets = [path, ...controlRoles.map((role) => rolePath(path, role))];
  for (const file of [...sockets, statePath(path)]) rmSync(file, { force: true });
  return was;
}

/** @throws UsageError */
function onlyPinned(names: readonly string[]): string | undefined {
  if (names.length > 1)
    throw new UsageError(`several balancers are pinned here: choose one with --name ${names.join(' or ')}`);
  return names[0];
}
