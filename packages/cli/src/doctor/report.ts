/** The report of `weir doctor` as text. */
import type { BalancerSupport } from '@weir/balancer';
import type { FeatureReport, FieldOffset, HookCandidate, HookChoice, HostReport } from '@weir/tracer';
import type { Paint } from '../text/colour.js';
import { escapeText } from '../text/escape.js';
import { padEnd } from '../text/width.js';

type State = HookCandidate['state'];

type Row = readonly [state: State, name: string, remark: string];

/** Something of which it may not be known whether the kernel has it. */
type Item = Pick<FeatureReport, 'name' | 'state' | 'reason' | 'missing' | 'advice'>;

/** The reason why most unknown items of a section are unknown. It is shown once, above them. */
type Hint = Pick<HookCandidate, 'reason' | 'missing' | 'advice'>;

/** The whole report with line breaks. */
export function formatReport(report: HostReport, paint: Paint, balancer?: BalancerSupport): string {
  const sections: [title: string, lines: string[]][] = [
    ['Kernel', kernelLines(report)],
    ['Types', typesLines(report, paint)],
    [
      'Capabilities',
      table(
        report.capabilities.map((item) => [known(item.present), item.name, item.for] as const),
        paint,
      ),
    ],
    ['Hooks', hooksLines(report, paint)],
    ['Features', featureLines(report, paint)],
    ['Names of containers', containerLines(report, paint)],
    ['Offsets', offsetLines(report, paint)],
    ['Problems', problemLines(report, paint)],
  ];
  const text = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${paint('bold', title)}\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('\n');
  const verdict = report.ok
    ? paint('green', 'weir trace works here.')
    : paint('red', 'weir trace does not work here.');
  return `${text}\n${legend(paint)}\n\n${verdict}\n${balancerVerdict(balancer, paint)}`;
}

/** Says nothing where it works. */
function balancerVerdict(balancer: BalancerSupport | undefined, paint: Paint): string {
  if (balancer === undefined || balancer.ok) return '';
  const { since, unknown, reason = `it needs Linux ${since} or later.` } = balancer;
  const what = unknown
    ? 'It is not known whether weir balance works here:'
    : 'weir balance does not work here:';
  return `${paint(unknown ? 'yellow' : 'red', what)} ${escapeText(reason)}\n`;
}

function kernelLines({ kernel }: HostReport): string[] {
  return [`${escapeText(kernel.release)} ${escapeText(kernel.machine)}`, escapeText(kernel.version)];
}

const sources = {
  kernel: "the kernel's own",
  file: 'from a file',
  cache: 'from an earlier discovery',
  discovery: 'discovered',
  none: 'none',
} as const;

function typesLines({ btf }: HostReport, paint: Paint): string[] {
  const where = btf.path === undefined ? '' : `: ${escapeText(btf.path)}`;
  const count = btf.types === undefined ? '' : `, ${btf.types.toLocaleString('en-US')} types`;
  if (btf.undecided !== undefined)
    return [`${mark('unknown', paint)} not known: ${escapeText(btf.undecided)}`];
  const used = `${mark(known(btf.source !== 'none'), paint)} ${sources[btf.source]}${where}${count}`;
  const rejected =
    btf.rejected === undefined
      ? []
      : [`${mark('absent', paint)} ${escapeText(btf.rejected)}`, ...logLines(btf.log)];
  return [...rejected, used, ...missingLines(btf, paint)];
}

/** A line for each reason why fields are missing. */
function missingLines({ missing = [] }: HostReport['btf'], paint: Paint): string[] {
  const reasons = new Set(missing.map(({ why }) => why));
  return [...reasons].map((why) => {
    const names = missing.filter((one) => one.why === why).map(({ field }) => escapeText(field));
    const because = why === undefined ? ', by an earlier discovery' : `: ${escapeText(why)}`;
    return `${mark('absent', paint)} not found${because}: ${names.join(', ')}`;
  });
}

/** The sources that are there, or may be. */
function containerLines({ containers }: HostReport, paint: Paint): string[] {
  const shown = containers.filter(({ state }) => state !== 'absent');
  if (shown.length === 0) return [`${mark('absent', paint)} no container runtime was found`];
  const remark = ({ path = '', reason }: (typeof shown)[number]) =>
    reason === undefined ? path : `${path}: ${reason}`;
  return table(
    shown.map((source) => [source.state, source.name, remark(source)] as const),
    paint,
  );
}

/** A line a field: in use, the kernel's own, discovered, and how. A difference between the last two is an error. */
function offsetLines({ offsets = [] }: HostReport, paint: Paint): string[] {
  if (offsets.length === 0) return [];
  const width = Math.max(...offsets.map(({ struct, field }) => struct.length + field.length + 1));
  const cell = (offset: number | undefined): string => String(offset ?? '–').padStart(12);
  const head = `  ${padEnd('field', width)}${['in use', 'kernel', 'discovered'].map((title) => title.padStart(12)).join('')}`;
  return [
    paint('dim', head),
    ...offsets.map((row) => {
      const differs =
        row.kernel !== undefined && row.discovered !== undefined && row.kernel !== row.discovered;
      const cells = [row.used, row.kernel, row.discovered].map(cell).join('');
      return `${mark(known(!differs && row.used !== undefined), paint)} ${padEnd(`${row.struct}.${row.field}`, width)}${cells}  ${paint('dim', escapeText(offsetRemark(row)))}`.trimEnd();
    }),
  ];
}

function offsetRemark({ how, candidates = 1, why }: FieldOffset): string {
  if (how === undefined) return why ?? '';
  const means = how === 'pointer' ? 'through a pointer' : `by its ${how}`;
  return candidates > 1 ? `${means}, among ${candidates}` : means;
}

function hooksLines({ hooks, btf }: HostReport, paint: Paint): string[] {
  if (hooks.length === 0 && btf.undecided !== undefined)
    return [`${mark('unknown', paint)} not known without the kernel's types`];
  const hint = findHint(hooks.flatMap(({ candidates }) => candidates));
  return [...hintLines(hint, paint), ...hooks.flatMap((hook) => hookLines(hook, hint, paint))];
}

function hookLines(hook: HookChoice, hint: Hint | undefined, paint: Paint): string[] {
  const rows = hook.candidates.map(
    (item) => [item.state, item.name, isSaid(item, hint) ? '' : item.reason] as const,
  );
  const consequence = hook.consequence === undefined ? [] : [`  ${escapeText(hook.consequence)}`];
  const partial =
    hook.partial && `  ${paint('yellow', escapeText(`${hook.partial.what}; ${hook.partial.advice}`))}`;
  return [
    `${escapeText(hook.purpose)}: ${chosenHook(hook, hint, paint)}`,
    ...table(rows, paint).map((line) => `  ${line}`),
    ...consequence,
    ...(partial === undefined ? [] : [partial]),
  ];
}

function chosenHook({ chosen, undecided }: HookChoice, hint: Hint | undefined, paint: Paint): string {
  if (chosen !== undefined) return paint('bold', escapeText(chosen));
  if (undecided === undefined) return paint('red', 'none');
  return paint('yellow', undecided === hint?.reason ? 'not known' : `not known: ${escapeText(undecided)}`);
}

function featureLines({ features }: HostReport, paint: Paint): string[] {
  const hint = findHint(features);
  const rows = features.map((item) => {
    const remark = item.reason === undefined || isSaid(item, hint) ? '' : `; ${item.reason}`;
    return [item.state, item.name, `since ${item.since}${remark}`] as const;
  });
  return [...hintLines(hint, paint), ...table(rows, paint)];
}

function findHint(items: readonly Item[]): Hint | undefined {
  const counts = new Map<string, number>();
  for (const { state, reason } of items) {
    if (state === 'unknown' && reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, left], [, right]) => right - left);
  if (most === undefined || most[1] < 2) return undefined;
  const [reason] = most;
  return { ...items.find((item) => item.reason === reason), reason };
}

/** Whether the hint says what keeps an item from being known. Fewer capabilities than it names go without saying. */
function isSaid({ state, reason, missing }: Item, hint: Hint | undefined): boolean {
  if (state !== 'unknown' || hint === undefined) return false;
  return reason === hint.reason || missing?.every((name) => hint.missing?.includes(name)) === true;
}

function hintLines(hint: Hint | undefined, paint: Paint): string[] {
  if (hint === undefined) return [];
  const advice = hint.advice === undefined ? '' : `: ${hint.advice}`;
  return [`${mark('unknown', paint)} ${escapeText(hint.reason + advice)}`];
}

function problemLines({ problems }: HostReport, paint: Paint): string[] {
  if (problems.length === 0) return ['none'];
  return problems.flatMap(({ what, advice, log }) => [
    `${mark('absent', paint)} ${escapeText(what)}`,
    ...advice.split('\n').map((line) => `  ${escapeText(line)}`),
    ...logLines(log),
  ]);
}

/** The verifier's log, if it is there. */
function logLines(log = ''): string[] {
  const text = log.trimEnd();
  return text === '' ? [] : text.split('\n').map((line) => `    ${escapeText(line)}`);
}

/** A line an item, the remarks below each other. */
function table(rows: readonly Row[], paint: Paint): string[] {
  const width = Math.max(0, ...rows.map(([, name]) => escapeText(name).length));
  return rows.map(([state, name, remark]) =>
    `${mark(state, paint)} ${padEnd(escapeText(name), width)}  ${paint('dim', escapeText(remark))}`.trimEnd(),
  );
}

const marks = {
  present: ['green', '✓'],
  absent: ['red', '✗'],
  unknown: ['yellow', '?'],
} as const satisfies Record<State, readonly [Parameters<Paint>[0], string]>;

function mark(state: State, paint: Paint): string {
  const [colour, sign] = marks[state];
  return paint(colour, sign);
}

function known(isPresent: boolean): State {
  return isPresent ? 'present' : 'absent';
}

function legend(paint: Paint): string {
  const words = { present: 'there', absent: 'not there', unknown: 'not known' } as const;
  const states = Object.keys(words) as State[];
  return states.map((state) => `${mark(state, paint)} ${paint('dim', words[state])}`).join('   ');
}
