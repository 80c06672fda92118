/** Figures of `weir serve` under load as Markdown. Pure. */
import type { ServeSample } from './serve-bench.js';

const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;

/** A column for each load. */
export function serveTable(samples: readonly ServeSample[]): string {
  const rows: readonly [string, (sample: ServeSample) => string][] = [
    [
      'connections made, a second',
      ({ connections, seconds }) => `${connections}, ${(connections / seconds).toFixed(0)}`,
    ],
    ['rows of ends that are missing', ({ connections, ends }) => String(2 * connections - ends)],
    ['losses said, events in them', ({ losses, lost }) => `${losses}, ${lost}`],
    ['CPU of the collector, µs a connection', (sample) => us(sample, sample.collectorCpuMs)],
    ['CPU of the server, µs a connection', (sample) => us(sample, sample.serverCpuMs)],
    ['both, µs a connection', (sample) => us(sample, sample.collectorCpuMs + sample.serverCpuMs)],
    [
      'both, µs a stored row',
      (sample) => (((sample.collectorCpuMs + sample.serverCpuMs) * 1000) / sample.ends).toFixed(1),
    ],
    [
      'resident collector, MB (peak)',
      ({ collectorMb, collectorPeakMb }) => `${collectorMb.toFixed(0)} (${collectorPeakMb.toFixed(0)})`,
    ],
    [
      'resident server, MB (peak)',
      ({ serverMb, serverPeakMb }) => `${serverMb.toFixed(0)} (${serverPeakMb.toFixed(0)})`,
    ],
    ['bytes on disk a stored row', ({ bytes, ends }) => (bytes / ends).toFixed(1)],
    [
      'tcpdump -w: CPU, µs a connection',
      ({ tcpdump }) => (tcpdump === undefined ? '–' : us(tcpdump, tcpdump.cpuMs)),
    ],
    [
      'tcpdump -w: bytes on disk a connection',
      ({ tcpdump }) => (tcpdump === undefined ? '–' : (tcpdump.bytes / tcpdump.connections).toFixed(0)),
    ],
  ];
  const head = ['figure', ...samples.map(({ asked }) => `${asked} connections/s`)];
  return (
    line(head) +
    line(head.map(() => '---')) +
    rows.map(([name, value]) => line([name, ...samples.map(value)])).join('')
  );
}

function us({ connections }: { readonly connections: number }, cpuMs: number): string {
  return ((cpuMs * 1000) / connections).toFixed(1);
}
