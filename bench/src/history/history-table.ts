/** Figures of the history as Markdown. Pure. */
import { median } from '../statistics.js';
import type { AskedSample } from './ask.js';
import type { HistoryResult } from './history-bench.js';

const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;
const head = (cells: readonly string[]) => line(cells) + line(cells.map(() => '---'));
const whole = (value: number) => (Number.isFinite(value) ? value.toFixed(value < 10 ? 1 : 0) : '–');

/** The value that this share of all values does not exceed. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** All tables. */
export function historyTable(result: HistoryResult): string {
  return [sizeTable(result), questionTable(result), peerTable(result)].join('\n');
}

function sizeTable({ connections, days, bytes, segments, copyCpuUs, memory, serve }: HistoryResult): string {
  const sum = Object.values(bytes).reduce((total, each) => total + each, 0);
  const parts = Object.entries(bytes).map(([table, each]) => `${table} ${each.toFixed(1)}`);
  const rows: [string, string][] = [
    ['connections, days, segments', `${connections}, ${days}, ${segments}`],
    ['bytes a connection on disk', `${sum.toFixed(1)} (${parts.join(', ')})`],
    ['CPU of copying to segments, µs a connection', copyCpuUs.toFixed(2)],
    ['opening the history, ms (CPU ms)', `${whole(memory.openMs)} (${whole(memory.openCpuMs)})`],
    ['resident after all questions, MB (peak)', `${whole(memory.residentMb)} (${whole(memory.peakMb)})`],
  ];
  if (serve.length > 0) {
    const middle = (pick: (one: (typeof serve)[number]) => number) => whole(median(serve.map(pick)));
    rows.push(
      ['start of weir serve to its first answer, ms', middle(({ answerMs }) => answerMs)],
      [
        'resident then, MB: server, collector',
        `${middle(({ serverMb }) => serverMb)}, ${middle(({ collectorMb }) => collectorMb)}`,
      ],
    );
  }
  return head(['figure', 'value']) + rows.map(line).join('');
}

function questionTable({ samples }: HistoryResult): string {
  const rows = samples.map(({ name, aimMs, cpuMs, wallMs }) =>
    line([
      name,
      ...[cpuMs, wallMs].flatMap((values) => [
        whole(percentile(values, 0.5)),
        whole(percentile(values, 0.99)),
      ]),
      aimMs ?? '–',
    ]),
  );
  return head(['question', 'CPU ms p50', 'p99', 'ms p50', 'p99', 'aim: CPU ms']) + rows.join('');
}

function peerTable({ peers, peerConnections, peerSamples, bytes }: HistoryResult): string {
  if (peers.length === 0) return '';
  const find = (samples: readonly AskedSample[], name: string) => {
    const sample = samples.find((each) => each.name === name);
    return sample === undefined ? '–' : whole(median(sample.cpuMs));
  };
  const names = ['Weir', ...peers.map(({ name }) => name)];
  const rows = peerSamples.map(({ name }) =>
    line([name, find(peerSamples, name), ...peers.map(({ samples }) => find(samples, name))]),
  );
  return (
    head([`${peerConnections} of these connections`, ...names]) +
    line([
      'bytes a connection',
      (bytes.ends ?? 0).toFixed(1),
      ...peers.map((peer) => peer.bytes.toFixed(0)),
    ]) +
    line(['CPU of loading, µs a connection', '–', ...peers.map((peer) => peer.loadCpuUs.toFixed(1))]) +
    line(['CPU ms of a question:', ...names.map(() => '')]) +
    rows.join('')
  );
}
