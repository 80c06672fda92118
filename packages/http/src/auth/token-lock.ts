/** One process at a time changes a file of tokens: who reads, adds and writes beside another one would undo what that did. */
import { closeSync, constants, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { OptionError } from '@weir/ebpf/errors';
import { tryLock } from '@weir/ebpf/sys';

const WAIT_MS = 5_000;
const STEP_MS = 20;

/**
 * Keeps other processes from changing the tokens in a folder, until it is disposed of. Waits for one that does.
 *
 * @param name What the message calls the folder. Default: its path
 * @throws OptionError after five seconds
 */
export async function lockTokens(folder: string, name = folder): Promise<Disposable> {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const release = { [Symbol.dispose]: () => closeSync(fd) };
  for (let waitedMs = 0; !tryLock(fd); waitedMs += STEP_MS) {
    if (waitedMs >= WAIT_MS) {
      release[Symbol.dispose]();
      throw new OptionError(`${name}: another process changes tokens: try again`);
    }
    await setTimeout(STEP_MS);
  }
  return release;
}
