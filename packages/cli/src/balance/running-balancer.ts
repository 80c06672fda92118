/** Chooses the running balancer that the flags mean, and asks it or takes off what it left. */

import { rmSync } from 'node:fs';
import { Balancer } from '@weir/balancer';
import {
  ControlClient,
  defaultSocket,
  NotRunningError,
  RequestError,
  socketNames,
  statePath,
} from '@weir/balancer/control';
import { UsageError } from '../failure.js';
import type { Which } from './requests.js';

/**
 * Asks the running balancer that the flags choose.
 *
 * @throws UsageError if several balancers run and none is chosen, or if the balancer refuses the request; NotRunningError
 * if none answers; Error if the balancer could not do it
 */
export async function ask<T>(which: Which, question: (client: ControlClient) => Promise<T>): Promise<T> {
  const client = new ControlClient(socketOf(which));
  try {
    return await question(client);
  } catch (error) {
    throw error instanceof RequestError ? new UsageError(error.message, { cause: error }) : error;
  }
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
  const name = given ?? onlyPinned();
  if (name === undefined) return false;
  const was = Balancer.detach(name);
  const path = socket ?? defaultSocket(name);
  for (const file of [path, statePath(path)]) rmSync(file, { force: true });
  return was;
}

function onlyPinned(): string | undefined {
  const names = Balancer.pinned();
  return names.length === 1 ? names[0] : undefined;
}
