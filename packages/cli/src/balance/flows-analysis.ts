/** The text of `weir balance flows analyse`. */
import { ageBounds } from '@weir/balancer';
import type { NamedAnalysis } from '@weir/balancer/control';
import { formatEndpoint } from '../text/endpoint.js';
import { escapeText } from '../text/escape.js';
import { formatCount, formatDuration } from '../text/units.js';
import { realLabel } from './labels.js';

/** All counts with line breaks. */
export function analysisText(analysis: NamedAnalysis): string {
  const { flows, ages, states, services, withoutService, reals } = analysis;
  const lines = [
    `${formatCount(flows, 'flow')}: ${number(states.known)} known, ${number(states.idle)} idle for too long, ${number(states.stale)} whose real has left`,
    `tables: ${tablesText(analysis)}`,
    '',
    'LAST USE',
    ...agesText(ages, flows),
    ...(services.length === 0 ? [] : ['', 'VIP']),
    ...services.flatMap(({ vip, flows: own, ages: ownAges, reals: members }) => [
      `  ${escapeText(vip)}  ${shareText(own, flows)}  ${summaryOf(ownAges, own)}`,
      ...members.map(
        ({ address, port, name, flows: some }) =>
          `    ${realLabel(name, address, port)}  ${shareText(some, own)}`,
      ),
    ]),
    ...(withoutService === 0 ? [] : ['', `${formatCount(withoutService, 'flow')} of no VIP that is known`]),
    ...(reals.length === 0 ? [] : ['', 'REAL, IN ALL VIPS']),
    ...reals.map(
      ({ address, port, flows: some }) =>
        `  ${port === undefined ? address : formatEndpoint({ address, port })}  ${shareText(some, flows)}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function tablesText({ cpus, fallback, translated }: NamedAnalysis): string {
  const parts = [
    ...cpus.map(({ cpu, flows }) => `cpu ${cpu} ${number(flows)}`),
    ...(fallback === 0 ? [] : [`fallback ${number(fallback)}`]),
    ...(translated === 0 ? [] : [`nat ${number(translated)}`]),
  ];
  return parts.length === 0 ? 'empty' : parts.join(', ');
}

function agesText(ages: readonly number[], flows: number): string[] {
  const names = ages.map((_, i) => ageName(i));
  const width = Math.max(...names.map((name) => name.length));
  return ages.map((count, i) => `  ${names[i]!.padEnd(width)}  ${shareText(count, flows)}`);
}

function ageName(at: number): string {
  const bound = ageBounds[at];
  return bound === undefined
    ? `${boundText(ageBounds.at(-1)!)} or more ago`
    : `less than ${boundText(bound)} ago`;
}

function boundText(seconds: number): string {
  if (seconds % 86_400 === 0) return `${seconds / 86_400} d`;
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  if (seconds % 60 === 0) return `${seconds / 60} min`;
  return formatDuration(seconds * 1e6).replace(/\.0+ /, ' ');
}

/** `80 % used within 1 min`. */
function summaryOf(ages: readonly number[], flows: number): string {
  const within = ages.slice(0, ageBounds.indexOf(60) + 1).reduce((sum, count) => sum + count, 0);
  return `${percent(within, flows)} used within 1 min`;
}

function shareText(part: number, whole: number): string {
  return `${number(part)} (${percent(part, whole)})`;
}

function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Number(((100 * part) / whole).toFixed(1))} %`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
