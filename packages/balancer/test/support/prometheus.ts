/** A strict reader of Prometheus' text format, version 0.0.4, by its specification. */
import assert from 'node:assert/strict';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const unescaped: Readonly<Record<string, string>> = { '\\\\': '\\', '\\n': '\n', '\\"': '"' };

/** Reads metrics by name. @throws AssertionError for violations of the format or of the convention for names. */
export function readMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Family>();
  let current: { name: string; help: string; type: string; samples: Sample[] } | undefined;
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      assert.ok(!families.has(name), `${name} is there twice`);
      assert.match(rest, /\.$/, `${name}: help is a sentence`);
      current = { name, help: rest, type: '', samples: [] };
      families.set(name, current);
    } else if (keyword === 'TYPE') {
      assert.equal(current?.name, name, 'TYPE follows HELP');
      assert.match(rest, /^(counter|gauge)$/);
      assert.equal(
        name.endsWith('_total'),
        rest === 'counter',
        `${name}: counters, and no others, end in _total`,
      );
      current!.type = rest;
    } else {
      addSample(current, line);
    }
  }
  return families;
}

function addSample(family: { name: string; samples: Sample[] } | undefined, line: string): void {
  const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  assert.ok(sample, `no sample: ${line}`);
  const [, name, inner, number = ''] = sample;
  assert.equal(name, family?.name, `${line}: belongs to its metric`);
  assert.match(number, /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i);
  const labels = readLabels(inner ?? '');
  const key = JSON.stringify(labels);
  assert.ok(
    !family!.samples.some((other) => JSON.stringify(other.labels) === key),
    `${line}: is there twice`,
  );
  family!.samples.push({ labels, value: Number(number) });
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const label = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
  while (label.lastIndex < text.length) {
    const found = label.exec(text);
    assert.ok(found, `no labels: ${text}`);
    labels[found[1]!] = found[2]!.replace(/\\["\\n]/g, (sequence) => unescaped[sequence]!);
  }
  return labels;
}
