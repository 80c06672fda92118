/** `weir balance apply`, `drain`, `undrain` and `stop`. */
import { resolve } from 'node:path';
import { NotRunningError } from '@weir/balancer/control';
import { EbpfError } from '@weir/ebpf';
import { readInput } from '../args/input-file.js';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { escapeText } from '../text/escape.js';
import { checkConfigFile, warningsHere, warningText } from './config-file.js';
import type { BalanceRequest, StopFlags, Which } from './requests.js';
import { ask, takeOff } from './running-balancer.js';

/** @throws UsageError, FileProblems; Error if no balancer answers */
export async function apply(
  file: string,
  flags: Which,
  host: Pick<RunHost, 'stderr'>,
  stdout: Output,
): Promise<ExitCode> {
  const checked = checkConfigFile(file);
  const { name, control } = checked.config;
  const found = flags.remote === undefined ? warningsHere(checked, false) : checked.warnings();
  host.stderr.write(warningText(file, found));
  const which = { ...whichOf(flags, name, control.socket), ...flags };
  const text = readInput(file).toString();
  const { changes } = await ask(which, (client) => client.call('apply', { file: resolve(file), text }));
  const report = changes.length === 0 ? ['nothing is different'] : changes;
  await stdout.write(report.map((line) => `${escapeText(line)}\n`).join(''));
  return ExitCode.ok;
}

/** Ends a running balancer, or takes off what a dead one has left. */
export async function stop(flags: StopFlags, stdout: Output): Promise<ExitCode> {
  const detach = flags.keepForwarding !== true;
  let outcome = detach ? 'stopped' : 'stopped; packets are forwarded on';
  try {
    await ask(flags, (client) => client.call('stop', { detach }));
  } catch (error) {
    if (!detach || flags.remote !== undefined || !(error instanceof NotRunningError) || !takeOff(flags))
      throw error;
    outcome = 'no process ran it; taken off';
  }
  await stdout.write(`${outcome}\n`);
  return ExitCode.ok;
}

/**
 * Ends forwarding of a balancer that no process runs.
 *
 * @throws UsageError if several are pinned; EbpfError if a process runs it
 */
export async function detach(flags: Which, stdout: Output): Promise<ExitCode> {
  let found: boolean;
  try {
    found = takeOff(flags);
  } catch (error) {
    if (!(error instanceof EbpfError)) throw error;
    throw new EbpfError(`${error.message}; "weir balance stop" ends a balancer that runs`, { cause: error });
  }
  if (!found) throw new Error('no balancer is pinned here: there is nothing to detach');
  await stdout.write('detached; nothing is left\n');
  return ExitCode.ok;
}

/** The file says which balancer it is for. */
function whichOf(flags: Which, name: string, socket: string | undefined): Which {
  if (flags.socket !== undefined || flags.name !== undefined || flags.remote !== undefined) return {};
  return socket === undefined ? { name } : { socket };
}

export async function drain(
  { command, vip, real, flags }: Extract<BalanceRequest, { readonly vip: string }>,
  stdout: Output,
): Promise<ExitCode> {
  const drained = command === 'drain';
  const { force = false } = flags;
  const named = await ask(flags, (client) => client.call('drain', { vip, real, drained, force }));
  const what = drained ? 'drained' : 'no longer drained';
  await stdout.write(`${escapeText(named.vip)}: real ${escapeText(named.real)} is ${what}\n`);
  return ExitCode.ok;
}
