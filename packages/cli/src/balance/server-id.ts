/** `weir balance server-id`. */
import { type ServerIdCounters, type ServerIdStatus, TcpServerIds } from '@weir/balancer';
import { labels, type Metric } from '@weir/balancer/metrics-text';
import { OptionError } from '@weir/ebpf';
import { definedOnly } from '../args/defined-only.js';
import { type ExitCode, UsageError } from '../failure.js';
import type { Output } from '../output/output.js';
import { escapeText } from '../text/escape.js';
import { managePinned, type PrefixedMetrics, pinnedName } from './pinned-programs.js';
import type { BalanceRequest, ServerIdFlags } from './requests.js';

const texts: Readonly<Record<keyof ServerIdCounters, string>> = {
  accepted: 'connections accepted',
  offered: 'segments sent with the own id',
  confirmed: 'connections whose client returned it',
  wrong: 'segments that came with the id of another real',
  unsupported: 'connections whose client did not return it',
  learned: 'connections to servers that sent an id',
  changed: 'connections whose server sent another id later',
  returned: "segments sent with the server's id",
  failed: 'segments without space for the option',
};

/** @throws UsageError for options that make no sense; EbpfError for what does not work on this host */
export async function serverId(
  { id, flags }: Extract<BalanceRequest, { readonly command: 'server-id' }>,
  stdout: Output,
): Promise<ExitCode> {
  return await managePinned(flags, stdout, {
    noun: 'server id',
    names: () => TcpServerIds.names(),
    status: (name) => TcpServerIds.status(name),
    text: statusText,
    metrics: statusMetrics,
    detach: (name) => TcpServerIds.detach(name),
    hasArguments: id !== undefined || flags.return === true,
    attach: () => attach(id, flags),
  });
}

function attach(id: number | undefined, flags: ServerIdFlags): string {
  if (id === undefined && flags.return !== true) {
    throw new UsageError("expected this real's id, --return on clients, or --status or --detach");
  }
  const { return: returns, cgroup } = flags;
  try {
    TcpServerIds.attach(pinnedName(flags), definedOnly({ id, returns, cgroup }));
  } catch (error) {
    throw asUsage(error, cgroup);
  }
  const what = [
    ...(id === undefined ? [] : [`sockets that listen from now on send the server id ${id}`]),
    ...(returns === true ? ['connections return the id of their server'] : []),
  ];
  return `${what.join('; ')}; it stays until --detach or the next boot\n`;
}

function asUsage(error: unknown, cgroup: string | undefined): unknown {
  if (error instanceof OptionError) return new UsageError(error.message, { cause: error });
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (cgroup === undefined || (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EBADF')) return error;
  return new UsageError(`--cgroup ${cgroup}: no folder of a cgroup (v2)`, { cause: error });
}

function statusText({ name, cgroup, id, returns, counters }: ServerIdStatus): string {
  const parts = [
    name,
    ...(id === null ? [] : [`server id ${id}`]),
    ...(returns ? ['returns ids'] : []),
    `cgroup ${cgroup}`,
  ];
  const counted = Object.entries(texts).flatMap(([key, text]) => {
    const count = counters[key as keyof ServerIdCounters];
    return count === 0 ? [] : [`  ${count} ${text}`];
  });
  const lines = [escapeText(parts.join('  ')), ...(counted.length > 0 ? counted : ['  no connection yet'])];
  return `${lines.join('\n')}\n`;
}

function statusMetrics(all: readonly ServerIdStatus[]): PrefixedMetrics {
  const metrics = Object.entries(texts).map(
    ([key, text]): Metric => ({
      ...{ name: `${key}_total`, help: `${text[0]!.toUpperCase()}${text.slice(1)}.`, type: 'counter' },
      samples: all.map((one) => [labels({ name: one.name }), one.counters[key as keyof ServerIdCounters]]),
    }),
  );
  return { prefix: 'weir_server_id_', metrics };
}
