/** The comparison of balancers as Markdown. Pure. */
import { median } from '../statistics.js';
import type { BalanceFailure, BalanceSample, ChangeSample, LoadKind, LoadSample } from './balance-plan.js';

const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |\n`;

const titles: readonly (readonly [LoadKind, string])[] = [
  ['kept', 'Connections that stay open'],
  ['new', 'A connection for each request'],
];

/** Medians over the rounds. */
export function balanceTable(samples: readonly BalanceSample[]): string {
  const names = [...new Set(samples.map(({ balancer }) => balancer))];
  const loads = titles.map(([kind, title]) => `### ${title}\n\n${loadTable(names, samples, kind)}`);
  const failures = samples
    .filter((sample): sample is BalanceFailure => sample.kind === 'failure')
    .map(({ balancer, message }) => `Not measured: ${balancer}: ${message.split('\n')[0]}\n`);
  return [...loads, `### Changes of the reals\n\n${changeTable(names, samples)}`, ...failures].join('\n');
}

function loadTable(names: readonly string[], samples: readonly BalanceSample[], kind: LoadKind): string {
  const heads = ['balancer', 'requests/s', 'CPU, µs a request', 'p50, ms', 'p99, ms', 'without an answer'];
  const rows = names.map((name) => {
    const own = samples.filter(
      (sample): sample is LoadSample => sample.kind === kind && sample.balancer === name,
    );
    if (own.length === 0) return '';
    const middle = (read: (sample: LoadSample) => number) => median(own.map(read));
    return line([
      name,
      middle(({ requestsPerSecond }) => requestsPerSecond).toFixed(0),
      middle(({ cpuUs }) => cpuUs).toFixed(0),
      middle(({ p50 }) => p50).toFixed(2),
      middle(({ p99 }) => p99).toFixed(2),
      own.reduce((sum, { failed }) => sum + failed, 0),
    ]);
  });
  return head(heads) + rows.join('');
}

function changeTable(names: readonly string[], samples: readonly BalanceSample[]): string {
  const heads = ['balancer', 'broken by adding', 'by removing, of others', "by removing, of the real's own"];
  const rows = names.map((name) => {
    const own = samples.filter(
      (sample): sample is ChangeSample => sample.kind === 'change' && sample.balancer === name,
    );
    if (own.length === 0) return '';
    const sum = (read: (sample: ChangeSample) => number) => own.reduce((all, each) => all + read(each), 0);
    const ownBroken = `${sum((sample) => sample.own)} of ${sum(({ ownAll }) => ownAll)}`;
    return line([name, sum(({ byAdding }) => byAdding), sum(({ byRemoving }) => byRemoving), ownBroken]);
  });
  return head(heads) + rows.join('');
}

function head(cells: readonly string[]): string {
  return line(cells) + line(cells.map(() => '---'));
}
