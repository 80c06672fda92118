/** Reads Prometheus' text format, strictly enough to find what Prometheus would refuse. */
import assert from 'node:assert/strict';

export interface MetricLine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const unescaped: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\"': '"' };

/** All samples. @throws AssertionError for one that is there twice, or is none */
export function metricLines(text: string): MetricLine[] {
  assert.ok(text.endsWith('\n'));
  const lines = text.slice(0, -1).split('\n');
  const samples = lines.filter((line) => !line.startsWith('# '));
  assert.equal(new Set(samples.map((line) => line.slice(0, line.lastIndexOf(' ')))).size, samples.length);
  return samples.map((line) => {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(match, line);
    return { name: match[1]!, labels: readLabels(match[2] ?? ''), value: Number(match[3]) };
  });
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const label = /([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
  while (label.lastIndex < text.length) {
    const found = label.exec(text);
    assert.ok(found, text);
    labels[found[1]!] = found[2]!.replace(/\\["\\n]/g, (sequence) => unescaped[sequence]!);
  }
  return labels;
}

/** The sum of all samples of a name that have some labels. */
export function sumOf(
  lines: readonly MetricLine[],
  name: string,
  some: Readonly<Record<string, string>> = {},
): number {
  return lines
    .filter(
      (line) =>
        line.name === name && Object.entries(some).every(([key, value]) => line.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
