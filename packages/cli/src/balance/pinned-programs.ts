/** Commands that leave programs in the kernel: attach, show, detach. */
import { type Metric, renderMetrics } from '@weir/balancer/metrics-text';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import type { PinnedFlags } from './requests.js';

export interface PrefixedMetrics {
  readonly prefix: string;
  readonly metrics: readonly Metric[];
}

/** Programs of one kind. */
export interface PinnedKind<Status> {
  /** What messages call it. */
  readonly noun: string;
  names(): string[];
  status(name: string): Status;
  text(status: Status): string;
  metrics(all: readonly Status[]): PrefixedMetrics;
  /** Whether there was one. */
  detach(name: string): boolean;
  /** Whether the command line has arguments that only attaching needs. */
  readonly hasArguments: boolean;
  /** Returns what has been done, with a line break. */
  attach(): string;
}

/** The name under which programs are pinned. */
export function pinnedName({ name = 'default' }: PinnedFlags): string {
  if (/^[\w-]{1,64}$/.test(name)) return name;
  throw new UsageError(`--name ${name}: expected 1 to 64 letters, digits, "_" and "-"`);
}

/** @throws UsageError for flags that do not go together; Error if nothing is attached */
export async function managePinned<Status>(
  flags: PinnedFlags,
  stdout: Output,
  kind: PinnedKind<Status>,
): Promise<ExitCode> {
  const { status = false, detach = false, json = false, metrics = false } = flags;
  if ((status || detach) && kind.hasArguments) {
    throw new UsageError(
      `${status ? '--status' : '--detach'} attaches nothing: leave out what is to be attached`,
    );
  }
  if ((json || metrics) && !status) throw new UsageError(`${json ? '--json' : '--metrics'} needs --status`);
  if (status) await stdout.writeData(statusOutput(flags, kind));
  else if (detach) {
    const name = pinnedName(flags);
    if (!kind.detach(name))
      throw new Error(`no ${kind.noun} named ${name} is attached: there is nothing to detach`);
    await stdout.write('detached; nothing is left\n');
  } else await stdout.write(kind.attach());
  return ExitCode.ok;
}

function statusOutput<Status>(flags: PinnedFlags, kind: PinnedKind<Status>): string {
  const names = flags.name === undefined ? kind.names() : [pinnedName(flags)];
  const all = names.map((name) => kind.status(name));
  if (flags.json === true) return `${escapeJson(JSON.stringify(all, null, 2))}\n`;
  if (flags.metrics === true) {
    const { prefix, metrics } = kind.metrics(all);
    return renderMetrics(prefix, metrics);
  }
  if (all.length === 0) throw new Error(`no ${kind.noun} is attached here`);
  return all.map((one) => kind.text(one)).join('');
}
