/** The report of `weir doctor` as text. */
import type { FieldOffset, HookChoice, HostReport } from '@weir/tracer';
import type { Paint } from '../text/colour.js';
import { escapeText } from '../text/escape.js';
import { padEnd } from '../text/width.js';

type Row = readonly [present: boolean, name: string, remark: string];

/** The whole report with line breaks. */
export function formatReport(report: HostReport, paint: Paint): string {
  const sections: [title: string, lines: string[]][] = [
    ['Kernel', kernelLines(report)],
    ['Types', typesLines(report, paint)],
    [
      'Capabilities',
      table(
        report.capabilities.map((item) => [item.present, item.name, item.for] as const),
        paint,
      ),
    ],
    ['Hooks', report.hooks.flatMap((hook) => hookLines(hook, paint))],
    [
      'Features',
      table(
        report.features.map((item) => [item.present, item.name, `since ${item.since}`] as const),
        paint,
      ),
    ],
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
  return `${text}\n${verdict}\n`;
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
  const facts = [sources[btf.source]];
  const where = btf.path === undefined ? '' : `: ${escapeText(btf.path)}`;
  const count = btf.types === undefined ? '' : `, ${btf.types.toLocaleString('en-US')} types`;
  const used = `${mark(btf.source !== 'none', paint)} ${facts.join('')}${where}${count}`;
  return btf.rejected === undefined ? [used] : [`${mark(false, paint)} ${escapeText(btf.rejected)}`, used];
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
      return `${mark(!differs && row.used !== undefined, paint)} ${padEnd(`${row.struct}.${row.field}`, width)}${cells}  ${paint('dim', escapeText(offsetRemark(row)))}`.trimEnd();
    }),
  ];
}

function offsetRemark({ how, candidates = 1, why }: FieldOffset): string {
  if (how === undefined) return why ?? '';
  const means = how === 'pointer' ? 'through a pointer' : `by its ${how}`;
  return candidates > 1 ? `${means}, among ${candidates}` : means;
}

function hookLines(hook: HookChoice, paint: Paint): string[] {
  const chosen = hook.chosen === undefined ? paint('red', 'none') : paint('bold', escapeText(hook.chosen));
  const rows = hook.candidates.map((item) => [item.available, item.name, item.reason] as const);
  const consequence = hook.consequence === undefined ? [] : [`  ${escapeText(hook.consequence)}`];
  return [
    `${escapeText(hook.purpose)}: ${chosen}`,
    ...table(rows, paint).map((line) => `  ${line}`),
    ...consequence,
  ];
}

function problemLines({ problems }: HostReport, paint: Paint): string[] {
  if (problems.length === 0) return ['none'];
  return problems.flatMap(({ what, advice }) => [
    `${mark(false, paint)} ${escapeText(what)}`,
    ...advice.split('\n').map((line) => `  ${escapeText(line)}`),
  ]);
}

/** A line an item, the remarks below each other. */
function table(rows: readonly Row[], paint: Paint): string[] {
  const width = Math.max(0, ...rows.map(([, name]) => escapeText(name).length));
  return rows.map(([present, name, remark]) =>
    `${mark(present, paint)} ${padEnd(escapeText(name), width)}  ${paint('dim', escapeText(remark))}`.trimEnd(),
  );
}

function mark(present: boolean, paint: Paint): string {
  return present ? paint('green', '✓') : paint('red', '✗');
}
