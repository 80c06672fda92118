/** `weir balance status`. */

import type { TableStatus } from '@weir/balancer';
import { vipName } from '@weir/balancer/config';
import type { SourceStatus, Status, TrafficStatus, VipRealStatus, VipStatus } from '@weir/balancer/control';
import { escapeJson } from '@weir/tracer/escape';
import { ExitCode } from '../failure.js';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { type Paint, paintFor } from '../text/colour.js';
import { formatEndpoint } from '../text/endpoint.js';
import { escapeText } from '../text/escape.js';
import { formatBytes, formatDuration } from '../text/units.js';
import { padEnd } from '../text/width.js';
import type { StatusFlags } from './requests.js';
import { ask } from './running-balancer.js';

export async function status(flags: StatusFlags, host: RunHost, stdout: Output): Promise<ExitCode> {
  const answer = await ask(flags, (client) => client.call('status', { overMs: flags.interval }));
  if (flags.json === true) await stdout.writeData(`${escapeJson(JSON.stringify(answer, null, 2))}\n`);
  else {
    const paint = paintFor(flags.color, host.stdout.isTTY === true, host.env);
    await stdout.write(statusText(answer, paint, new Date()));
  }
  return ExitCode.ok;
}

/** The whole status with line breaks. */
export function statusText(status: Status, paint: Paint, now: Date): string {
  const lines = [
    ...headLines(status, paint, now),
    ...status.vips.flatMap((vip) => ['', ...vipLines(vip, paint, now)]),
    ...syncLines(status, paint),
    ...noteLines(status, paint),
  ];
  return `${lines.join('\n')}\n`;
}

function headLines(
  { name, interfaces, routers, rates, started, tables = [] }: Status,
  paint: Paint,
  now: Date,
): string[] {
  const devices = interfaces.map(({ interface: device, mode }) =>
    mode === undefined ? paint('red', `${escapeText(device)} (gone)`) : `${escapeText(device)} (${mode})`,
  );
  const hops = routers.map(({ mac, address, state, routerInterface }) => {
    const place = address === undefined ? mac : `${address} at ${mac}`;
    const text = routerInterface === undefined ? place : `${place} by ${escapeText(routerInterface)}`;
    return state === 'lost' ? paint('red', `${text} (does not answer)`) : text;
  });
  return [
    `${paint('bold', escapeText(name))}  ${devices.length === 0 ? 'in a chain' : devices.join(', ')}  router ${[...new Set(hops)].join(', ')}  control plane up ${ago(started, now)}`,
    ...tablesLine(tables),
    `${perSecond(rates.packets)} packets/s: ${perSecond(rates.transmitted)} sent on, ${perSecond(rates.passed)} left to the host, ${perSecond(rates.dropped)} dropped`,
  ];
}

/** `tables: flows 5.2 %, vips 2 of 4,096`: those that are not empty. */
function tablesLine(tables: readonly TableStatus[]): string[] {
  const parts = tables
    .filter(({ used }) => used > 0)
    .map(({ name, used, size, estimated }) =>
      estimated
        ? `${name} ${((100 * used) / size).toFixed(1)} %`
        : `${name} ${used.toLocaleString('en-US')} of ${size.toLocaleString('en-US')}`,
    );
  return parts.length === 0 ? [] : [`tables: ${parts.join(', ')}`];
}

function vipLines(vip: VipStatus, paint: Paint, now: Date): string[] {
  const plain = vipName(vip);
  const state =
    vip.state === 'up'
      ? paint('green', 'up')
      : vip.state === 'down'
        ? paint('red', `down: no real is up${vip.ringStays === 'down' ? ', the ring of before stays' : ''}`)
        : vip.state;
  const names = [
    paint('bold', escapeText(vip.name)),
    ...(vip.name === plain ? [] : [plain]),
    ...(vip.forwarding === 'tunnel' ? [] : [vip.forwarding]),
    state,
    ...(vip.ringStays === 'drained' ? [paint('red', 'all reals are drained, the last ring stays')] : []),
    traffic(vip).join('  '),
    ...missesText(vip),
  ];
  const header = ['REAL', 'ADDRESS', 'WEIGHT', 'SHARE', 'PACKETS/S', 'BYTES/S', 'HEALTH'];
  const from = vip.source === undefined ? [] : [`  ${sourceText(vip.source, paint, now)}`];
  const rows = vip.reals.map((real) => realRow(real, paint, now));
  return [names.join('  '), ...from, ...(rows.length === 0 ? [] : table([header, ...rows], paint))];
}

/** `reals from dns web.example, answered 2s ago` */
function sourceText(source: SourceStatus, paint: Paint, now: Date): string {
  const { state, answered, goneSince, error, pending, skipped, skippedReason } = source;
  const known = answered === undefined ? 'not answered yet' : `answered ${ago(answered, now)} ago`;
  const gone = `gone for ${goneSince === undefined ? '' : `${ago(goneSince, now)}, `}${known}`;
  const parts = [
    `reals from ${escapeText(source.source)}`,
    state === 'gone' ? paint('red', gone) : known,
    ...(error === undefined ? [] : [paint('red', escapeText(error))]),
    ...(pending === 0 ? [] : [`${pending} about to change`]),
    ...(skipped === 0 ? [] : [paint('yellow', `${skipped} left out: ${escapeText(skippedReason ?? '')}`)]),
  ];
  return parts.join(', ');
}

function realRow(real: VipRealStatus, paint: Paint, now: Date): string[] {
  const { name, address, port, weight, ringWeight, share } = real;
  const where = port === undefined ? address : formatEndpoint({ address, port });
  return [
    name === where ? '' : escapeText(name),
    where,
    ringWeight === weight ? String(weight) : `${ringWeight} (${weight})`,
    `${(share * 100).toFixed(1)} %`,
    perSecond(real.traffic.packetsPerSecond),
    formatBytes(Math.round(real.traffic.bytesPerSecond)),
    health(real, paint, now),
  ];
}

function health(
  { drained, condition, since, reason, agent, certificateWarning }: VipRealStatus,
  paint: Paint,
  now: Date,
): string {
  const parts = [
    ...(drained ? [paint('yellow', 'drained')] : []),
    ...(condition === undefined ? [] : [paintCondition(condition, paint)]),
    ...(since === undefined ? [] : [ago(since, now)]),
    ...(condition === 'up' || reason === undefined ? [] : [paint('dim', escapeText(reason))]),
    ...(agent === undefined ? [] : [paint('yellow', `agent: ${escapeText(agent)}`)]),
    ...(certificateWarning === undefined ? [] : [paint('yellow', certificateWarning)]),
  ];
  return parts.join(' ');
}

function paintCondition(condition: NonNullable<VipRealStatus['condition']>, paint: Paint): string {
  if (condition === 'up') return paint('green', condition);
  return paint(condition === 'down' ? 'red' : 'yellow', condition);
}

/** Counters, since the start, of events that ought not to happen. */
const notes = {
  malformed: 'malformed packets, dropped',
  emptySlot: 'packets without a real, dropped',
  encapsulationFailed: 'packets that could not be put into a tunnel, dropped',
  noNeighbour: 'packets to reals whose MAC address is not known, dropped',
  tooBig: 'packets that were too big',
  flowFallback: 'packets on CPUs without a flow table',
  flowFlood: 'new flows that were not remembered, as there were too many',
} as const satisfies Partial<Record<keyof Status['counters'], string>>;

/** What came of the flows that balancers share. */
function syncLines({ sync }: Status, paint: Paint): string[] {
  if (sync === undefined) return [];
  const { sentFlows, learned, refused, peers, rateLimited, unread } = sync;
  const number = (count: number) => count.toLocaleString('en-US');
  const bad = Object.entries(refused).filter(([, count]) => count > 0);
  return [
    '',
    `${paint('bold', 'sync')}  ${number(sentFlows)} flows sent, ${number(learned.applied)} learned, ` +
      `${number(learned.unknownVip)} of unknown VIPs, ${number(learned.unknownReal)} of unknown reals`,
    ...peers.map(
      ({ address, lagMs, silentMs, lost }) =>
        `  ${address}  lag ${lagMs} ms  last seen ${(silentMs / 1000).toFixed(1)} s ago  ${number(lost)} datagrams lost`,
    ),
    ...(rateLimited + unread === 0
      ? []
      : [paint('yellow', `${number(rateLimited + unread)} new flows were not sent`)]),
    ...bad.map(([reason, count]) => paint('yellow', `${number(count)} datagrams refused: ${reason}`)),
  ];
}

function noteLines({ counters, unsent, advice = [] }: Status, paint: Paint): string[] {
  const lines = Object.entries(notes)
    .map(([name, text]) => ({ count: counters[name as keyof typeof notes], text: text as string }))
    .concat(
      {
        count: unsent?.redirected ?? 0,
        text: 'packets that the device by which they leave did not take, lost',
      },
      { count: unsent?.transmitted ?? 0, text: 'packets that their device did not take back, lost' },
    )
    .filter(({ count }) => count > 0)
    .map(({ count, text }) => paint('yellow', `${count.toLocaleString('en-US')} ${text}`))
    .concat(advice.map((line) => paint('yellow', escapeText(line))));
  return lines.length === 0 ? [] : ['', ...lines];
}

/** Packets that are no SYN, and whose flow was unknown. */
function missesText({ misses: { other } = { syn: 0, other: 0 } }: VipStatus): string[] {
  return other === 0 ? [] : [`${other.toLocaleString('en-US')} flow misses`];
}

function traffic({ packetsPerSecond, bytesPerSecond }: TrafficStatus): string[] {
  return [`${perSecond(packetsPerSecond)} packets/s`, `${formatBytes(Math.round(bytesPerSecond))}/s`];
}

function perSecond(rate: number): string {
  return (rate < 10 && !Number.isInteger(rate) ? Number(rate.toFixed(1)) : Math.round(rate)).toLocaleString(
    'en-US',
  );
}

function ago(time: string, now: Date): string {
  return formatDuration(Math.max(0, now.getTime() - Date.parse(time)) * 1000);
}

/** Columns of names, addresses and remarks, which start at the left; the others hold numbers. */
const leftColumns: ReadonlySet<number> = new Set([0, 1, 6]);

function table(rows: readonly (readonly string[])[], paint: Paint): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, index) => {
    const cells = row.map((cell, column) => {
      if (column === row.length - 1) return cell;
      return leftColumns.has(column) ? padEnd(cell, widths[column]!) : cell.padStart(widths[column]!);
    });
    const line = `  ${cells.join('  ')}`.trimEnd();
    return index === 0 ? paint('dim', line) : line;
  });
}
