/** Medians of each library, and ratios to libbpf. */
import { median } from '../statistics.js';
import type { LoaderResult, LoaderSamples } from './loader-bench.js';
import type { Measure } from './measures.js';

const rows: readonly (readonly [title: string, measure: Measure, digits: number])[] = [
  ['kernel BTF ready, ms', 'btfMs', 1],
  ['its memory, KiB', 'btfKib', 0],
  ['load, first, ms', 'loadFirstMs', 1],
  ['load, again, ms', 'loadAgainMs', 1],
  ['resident after a load, KiB', 'residentKib', 0],
  ['update of a hash, ns', 'updateNs', 0],
  ['lookup in a hash, ns', 'lookupNs', 0],
  ['keys of a hash, ns each', 'keysNs', 0],
  ['entries of a hash, ns each', 'entriesNs', 0],
  ['ring to one object, ns a record', 'objectNs', 1],
  ['ring to columns, ns a record', 'columnsNs', 1],
];

const baseline = 'libbpf';

export function loaderTable({ libraries }: LoaderResult): string {
  const names = libraries.map(({ name }) => name);
  const table = [`| | ${names.join(' | ')} |`, `|---|${'---|'.repeat(names.length)}`];
  const base = libraries.find(({ name }) => name === baseline);
  for (const [title, measure, digits] of rows) {
    const reference = base === undefined ? undefined : middle(base, measure);
    const cells = libraries.map((library) => {
      const value = middle(library, measure);
      if (value === undefined) return '—';
      const ratio = reference === undefined || library === base ? '' : ` (${(value / reference).toFixed(2)})`;
      return `${value.toFixed(digits)}${ratio}`;
    });
    table.push(`| ${title} | ${cells.join(' | ')} |`);
  }
  const failures = libraries.flatMap(({ name, failures: all }) =>
    all.map((failure) => `Not measured: ${name}, ${failure}`),
  );
  return [...table, ...(failures.length > 0 ? ['', failures.join('\n\n')] : [])].join('\n');
}

function middle({ samples }: LoaderSamples, measure: Measure): number | undefined {
  const values = samples.map((sample) => sample[measure]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}
