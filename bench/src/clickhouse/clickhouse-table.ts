/** Figures of ClickHouse as Markdown. Pure. */
import type { ClickhouseResult, PlannedFleet } from './clickhouse-bench.js';

const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;
const head = (cells: readonly string[]) => line(cells) + line(cells.map(() => '---'));

const units = ['', ' thousand', ' million', ' thousand million', ' million million'];

/** `8.6 thousand million`. */
function large(value: number): string {
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${scaled < 10 ? Number(scaled.toFixed(1)) : Math.round(scaled)}${units[unit]}`;
}

const terabytes = (bytes: number) =>
  `${bytes < 1e13 ? Number((bytes / 1e12).toPrecision(2)) : Math.round(bytes / 1e12)} TB`;

/** All tables. */
export function clickhouseTable(result: ClickhouseResult): string {
  return [costTable(result), fleetTable(result.fleets)].join('\n');
}

function costTable(result: ClickhouseResult): string {
  const { connections, hosts, hours, rows, tables } = result;
  const ends = tables.find(({ name }) => name === 'ends')!;
  const figures: [string, string][] = [
    [
      'connections, rows of `ends`, hosts, hours',
      `${large(connections)}, ${large(rows)}, ${hosts}, ${hours}`,
    ],
    ['CPU µs of an inserted row, sums included', result.insertUs.toFixed(1)],
    ['CPU µs of a row that a merge writes', result.mergeUs.toFixed(2)],
    ['rows that merges write for each inserted one', result.rewritten.toFixed(1)],
    ['merges; parts of `ends` that are left', `${result.merges}; ${ends.parts}`],
    ...tables
      .filter(({ name }) => name === 'ends' || name.startsWith('traffic_'))
      .map(({ name, rows: stored, bytes }): [string, string] => [
        `\`${name}\`: rows; bytes a connection's end`,
        `${large(stored)}; ${(bytes / rows).toFixed(1)}`,
      ]),
    ['resident, MB', result.residentMb.toFixed(0)],
  ];
  return head(['figure', 'value']) + figures.map(line).join('');
}

function fleetTable(fleets: readonly PlannedFleet[]): string {
  const names = [
    'hosts',
    'rows/s a host',
    'shipped within',
    'rows a day',
    'disk in 30 days',
    'inserts/s',
    'servers of 32 cores',
  ];
  const measured = [
    'load of half their cores',
    'an hour is there after',
    'parts of `ends` at once',
    'merges/s a server',
    'rows written by merges, for each inserted',
  ];
  const rows = fleets.map(({ hosts, rowsPerSecond, spreadSeconds, figures }) => {
    const { merges, shards } = figures;
    return line([
      hosts,
      rowsPerSecond,
      `${spreadSeconds / 60} min`,
      large(figures.rowsPerDay),
      terabytes(figures.bytesKept),
      figures.insertsPerSecond.toFixed(figures.insertsPerSecond < 1 ? 2 : 0),
      shards,
      `${Math.round(figures.load * 200)} %`,
      `${Math.ceil(figures.lastSeconds / 60)} min`,
      merges.mostParts,
      (merges.merges / merges.seconds).toFixed(2),
      (merges.merged / merges.inserted).toFixed(1),
    ]);
  });
  return head([...names, ...measured]) + rows.join('');
}
