/** The summary that `weir trace` prints when it ends. */
import type { KernelEventName, SocketEventName, TracerStats } from '@weir/tracer';
import { formatCount, formatDuration } from '../text/units.js';

/** Events of sockets, in the order of a connection's lifecycle. */
export const socketEvents = [
  'connect',
  'accept',
  'close',
  'fail',
  'udp_flow',
] as const satisfies readonly SocketEventName[];

const kernelEvents = [...socketEvents, 'fd_install'] as const satisfies readonly KernelEventName[];

export interface SummaryInput {
  /** Records printed, by kind. */
  readonly printed: Readonly<Record<KernelEventName, number>>;
  readonly lost: TracerStats['lost'];
  readonly inversions: number;
  readonly elapsedMs: number;
}

const lossCauses: readonly (readonly [keyof TracerStats['lost'], string])[] = [
  ['ring', 'the ring buffer was full; --ring-size or a filter helps'],
  ['map', 'the connection table was full; --max-connections or a filter helps'],
  ['probe', 'the kernel skipped a probe'],
  ['missed', 'the kernel ran no program for a change of state'],
  ['udp', 'the table of UDP flows was full; --max-connections helps'],
];

/** The summary's lines, without line breaks: the events by kind, then one line a cause of loss. */
export function summaryLines(input: SummaryInput): string[] {
  const total = kernelEvents.reduce((sum, name) => sum + input.printed[name], 0);
  const kinds = kernelEvents
    .filter((name) => input.printed[name] > 0)
    .map((name) => `${input.printed[name].toLocaleString('en-US')} ${name}`);
  const losses = lossCauses.filter(([cause]) => input.lost[cause] > 0);
  const head = `${formatCount(total, 'event')} in ${formatDuration(input.elapsedMs * 1000)}`;
  const lines = [
    head + (kinds.length === 0 ? '' : `: ${kinds.join(', ')}`) + (losses.length === 0 ? '; none lost' : ''),
    ...losses.map(([cause, why]) => {
      const noun = cause === 'udp' ? 'datagram' : 'event';
      return `${formatCount(input.lost[cause], noun)} lost: ${why}`;
    }),
  ];
  if (input.inversions > 0) lines.push(`${formatCount(input.inversions, 'event')} out of order`);
  return lines;
}
