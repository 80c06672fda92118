/** Samples of a guest as a Markdown table: medians, and ratios to the first tool. */
import type { CostSample, RateSample, Sample, StartSample } from './plan.js';
import { median } from './statistics.js';
import type { Tool } from './tools.js';

interface Row {
  readonly tool: string;
  readonly prints: string;
  readonly kernelNs: number;
  readonly kernelRuns: number;
  /** Load with the tool over load alone. */
  readonly slowdown: number;
  readonly userUs: number;
  readonly cpuUs: number;
  readonly idleShare: number;
  readonly residentMb: number;
  readonly startSeconds: number;
  /** Connections a second, and whether that was all the load could make. */
  readonly rate: number;
  readonly rateIsLimit: boolean;
  /** Event lines missing in the measured loads, per cent. */
  readonly lostPercent: number;
}

function ofKind<K extends Sample['kind']>(samples: readonly Sample[], kind: K, tool?: string) {
  return samples.filter(
    (sample): sample is Extract<Sample, { kind: K }> => sample.kind === kind && sample.tool === tool,
  );
}

/** The highest rate of one round at which all lines were printed; NaN if there was none. */
function rateOf(samples: readonly RateSample[]): { rate: number; isLimit: boolean } {
  const complete = samples.filter((sample) => sample.printed >= sample.expected);
  const best = complete.sort((a, b) => b.made - a.made)[0];
  return { rate: best?.made ?? Number.NaN, isLimit: best !== undefined && best.asked === undefined };
}

function row(tool: Tool, samples: readonly Sample[], aloneSeconds: number): Row {
  const costs: CostSample[] = ofKind(samples, 'cost', tool.name);
  const starts: StartSample[] = ofKind(samples, 'start', tool.name);
  const rates: RateSample[] = ofKind(samples, 'rate', tool.name);
  const rounds = [...new Set(rates.map((sample) => sample.round))];
  const best = rounds.map((round) => rateOf(rates.filter((sample) => sample.round === round)));
  const middle = (value: (sample: CostSample) => number | undefined) =>
    median(costs.map((sample) => value(sample) ?? Number.NaN));
  const expected = costs.reduce((sum, sample) => sum + (sample.expected ?? 0), 0);
  const missing = costs.reduce(
    (sum, { expected = 0, printed = 0 }) => sum + Math.max(0, expected - printed),
    0,
  );
  return {
    tool: tool.name,
    prints: tool.prints,
    kernelNs: middle((sample) => sample.kernelNs),
    kernelRuns: middle((sample) => sample.kernelRuns),
    slowdown: middle((sample) => sample.loadSeconds) / aloneSeconds,
    userUs: middle((sample) => sample.userUs),
    cpuUs: middle((sample) => (sample.userUs ?? Number.NaN) + (sample.systemUs ?? Number.NaN)),
    idleShare: middle((sample) => sample.idleShare),
    residentMb: middle((sample) => sample.residentBytes) / 1e6,
    startSeconds: median(starts.map((sample) => sample.seconds)),
    rate: median(best.map(({ rate }) => rate)),
    rateIsLimit: best.every(({ isLimit }) => isLimit),
    lostPercent: (100 * missing) / expected,
  };
}

function number(value: number, digits: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(digits);
}

/** `12,345 (1.50)`: a value and its ratio to the first row's. */
function withRatio(value: number, first: number, digits: number): string {
  if (Number.isNaN(value)) return '–';
  const ratio = first > 0 ? ` (${(value / first).toFixed(2)})` : '';
  return `${number(value, digits)}${ratio}`;
}

/** The table, with the tools in the given order; the first is what the others are compared with. */
export function table(tools: readonly Tool[], samples: readonly Sample[]): string {
  const aloneSeconds = median(ofKind(samples, 'cost').map((sample) => sample.loadSeconds));
  const rows = tools
    .filter((tool) => ofKind(samples, 'cost', tool.name).length > 0)
    .map((tool) => row(tool, samples, aloneSeconds));
  const first = rows[0];
  if (!first) return '(no tool could be measured)\n';
  const head = [
    'tool',
    'what it prints',
    'kernel ns a connection',
    'program runs a connection',
    'load: time against none',
    'user CPU µs an event',
    'CPU µs an event',
    'CPU when idle, %',
    'resident MB',
    'start to first event, s',
    'highest rate without loss, connections/s',
    'lines lost in the cost runs, %',
  ];
  const lines = rows.map((entry) => [
    entry.tool,
    entry.prints,
    withRatio(entry.kernelNs, first.kernelNs, 0),
    number(entry.kernelRuns, 1),
    number(entry.slowdown, 3),
    withRatio(entry.userUs, first.userUs, 1),
    withRatio(entry.cpuUs, first.cpuUs, 1),
    number(entry.idleShare * 100, 1),
    withRatio(entry.residentMb, first.residentMb, 1),
    withRatio(entry.startSeconds, first.startSeconds, 2),
    entry.rateIsLimit ? `≥ ${number(entry.rate, 0)}` : number(entry.rate, 0),
    number(entry.lostPercent, 2),
  ]);
  const text = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return text(head) + text(head.map(() => '---')) + lines.map(text).join('');
}

/**
 * Kernel time a connection of the first tool over that of each other one in the same round: what changes with time changes for
 * both. Rounds in which the first tool came first are apart from those in which it came last.
 */
export function kernelRatios(tools: readonly Tool[], samples: readonly Sample[]): string {
  const [first, ...others] = tools;
  if (first === undefined || others.length === 0) return '';
  const costs = (tool: Tool) =>
    new Map(ofKind(samples, 'cost', tool.name).map(({ round, kernelNs = Number.NaN }) => [round, kernelNs]));
  const own = costs(first);
  const text = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const rows = others.map((tool) => {
    const ratios = [...costs(tool)]
      .filter(([round]) => own.has(round))
      .map(([round, ns]) => ({ ratio: own.get(round)! / ns, isFirst: round % 2 === 0 }));
    const all = ratios.map(({ ratio }) => ratio);
    const when = (isFirst: boolean) =>
      ratios.filter((one) => one.isFirst === isFirst).map(({ ratio }) => ratio);
    const figures = [
      median(all),
      Math.min(...all),
      Math.max(...all),
      median(when(true)),
      median(when(false)),
    ];
    return text([
      tool.name,
      String(all.length),
      ...figures.map((value) => (Number.isFinite(value) ? number(value, 2) : '–')),
    ]);
  });
  const head = [
    `kernel time of ${first.name} over that of`,
    'rounds',
    'median',
    'least',
    'most',
    'it first',
    'it last',
  ];
  return text(head) + text(head.map(() => '---')) + rows.join('');
}
