/** A suite: some test files run in one place, and the account of what became of every test. */

import { RecordParser, type TestRecord } from './records.js';

export interface Failure {
  readonly file: string;
  readonly name: string;
  readonly detail: string;
  /** Everything the file's process printed. */
  output: string;
}

/** How long a test took. */
export interface Timing {
  readonly suite: string;
  readonly file: string;
  readonly name: string;
  readonly seconds: number;
}

export interface SuiteResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
  /** Each skipped test with its reason. */
  readonly skips: readonly string[];
  readonly timings: readonly Timing[];
  /** Wall-clock seconds. */
  readonly seconds: number;
}

/** Follows test files from their processes' output. Several files may run at once, each with a parser of its own. */
export class Account {
  readonly #name: string;
  readonly #started = performance.now();
  readonly #unfinished: Set<string>;
  readonly #failures: Failure[] = [];
  readonly #skips: string[] = [];
  readonly #timings: Timing[] = [];
  #passed = 0;

  /** @param files All files that are to run: each must start and end, and hold at least one test. */
  constructor(name: string, files: readonly string[]) {
    this.#name = name;
    this.#unfinished = new Set(files);
  }

  /**
   * A parser for one stream in which files run one after the other.
   *
   * @param objection Asked once a file has failed: why its run proves nothing, if so. Then the file is not accounted for.
   */
  stream(objection: () => string | undefined = () => undefined): RecordParser {
    let file = '';
    let output = '';
    let passed = 0;
    let skips: string[] = [];
    let failures: Failure[] = [];
    let timings: Timing[] = [];
    let startedAt = 0;
    const fail = (name: string, detail: string) => failures.push({ file, name, detail, output: '' });
    const take = (record: TestRecord): void => {
      if (record.type === 'start') {
        ({ file } = record);
        [output, passed, skips, failures, timings] = ['', 0, [], [], []];
        startedAt = performance.now();
      } else if (record.type === 'test') {
        const seconds = record.duration / 1000;
        timings.push({ suite: this.#name, file, name: record.name, seconds });
        if (record.outcome === 'passed') passed++;
        else if (record.outcome === 'skipped') skips.push(`${file}: ${record.name}: ${record.detail}`);
        else fail(record.name, record.detail ?? '');
      } else {
        const tests = passed + skips.length + failures.length;
        if (record.status !== 0 && failures.length === 0) fail('(the file)', exitMessage(record.status));
        else if (tests === 0) fail('(the file)', 'holds no test');
        const why = failures.length > 0 ? objection() : undefined;
        this.#progress(file, tests, failures, performance.now() - startedAt, why);
        if (why !== undefined) return;
        for (const failure of failures) failure.output = output;
        this.#passed += passed;
        this.#skips.push(...skips);
        this.#timings.push(...timings);
        this.#failures.push(...failures);
        this.#unfinished.delete(file);
      }
    };
    return new RecordParser(take, (text) => {
      output += text;
    });
  }

  /** Whether a file has come to its end, and counts. */
  has(file: string): boolean {
    return !this.#unfinished.has(file);
  }

  /** Adds a failure that belongs to no test. */
  fail(file: string, name: string, detail: string, output = ''): void {
    this.#unfinished.delete(file);
    this.#failures.push({ file, name, detail, output });
  }

  pass(): void {
    this.#passed++;
  }

  skip(what: string): void {
    this.#skips.push(what);
  }

  /** @param why What happened, for the files that did not come to their end. */
  finish(why = 'did not run'): SuiteResult {
    for (const file of this.#unfinished) this.fail(file, '(the file)', why);
    return {
      name: this.#name,
      passed: this.#passed,
      failed: this.#failures.length,
      skipped: this.#skips.length,
      failures: this.#failures,
      skips: this.#skips,
      timings: this.#timings,
      seconds: (performance.now() - this.#started) / 1000,
    };
  }

  #progress(file: string, tests: number, failures: readonly Failure[], ms: number, why?: string): void {
    const mark = failures.length === 0 ? 'ok  ' : why === undefined ? 'FAIL' : 'VOID';
    const seconds = (ms / 1000).toFixed(1);
    process.stdout.write(`${mark} ${this.#name.padEnd(12)} ${file} (${tests} tests, ${seconds} s)\n`);
    for (const failure of failures) process.stdout.write(`       ${failure.name}\n`);
    if (why !== undefined) process.stdout.write(`       the run proves nothing: ${why}\n`);
  }
}

function exitMessage(status: number): string {
  const cause =
    status === 137 ? ' (killed, as after the time limit)' : status === 139 ? ' (crashed: SIGSEGV)' : '';
  return `the process ended with status ${status}${cause}`;
}

/** So many tests are listed with what they took. */
const SLOWEST = 25;

/** So many lines of what was thrown stand at the end, once more. */
const DETAIL_LINES = 6;

/**
 * The summary: every failure in full, the tests that took longest, a line a suite, and last each failure once more in a few
 * lines: a shortened log keeps its end.
 */
export function formatSummary(results: readonly SuiteResult[]): string {
  const lines: string[] = [];
  for (const { name, failures } of results) {
    for (const [index, failure] of failures.entries()) {
      lines.push('', `FAILED [${name}] ${failure.file}`, `  ${failure.name}`, indent(failure.detail));
      const last = failures[index + 1]?.file !== failure.file;
      if (last && failure.output.trim() !== '')
        lines.push('  --- printed by the file ---', indent(failure.output));
    }
  }
  for (const { name, skips } of results) for (const skip of skips) lines.push(`skipped [${name}] ${skip}`);
  const slowest = results.flatMap(({ timings }) => timings).sort((a, b) => b.seconds - a.seconds);
  for (const { suite, file, name, seconds } of slowest.slice(0, SLOWEST))
    lines.push(`slow ${seconds.toFixed(1).padStart(6)} s [${suite}] ${file}: ${name}`);
  const total = (key: 'passed' | 'failed' | 'skipped') =>
    results.reduce((sum, result) => sum + result[key], 0);
  const row = (...cells: readonly (string | number)[]) =>
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(24) : String(cell).padStart(9))).join('');
  lines.push('', row('suite', 'tests', 'passed', 'failed', 'skipped', 'seconds'));
  for (const { name, passed, failed, skipped, seconds } of results) {
    lines.push(row(name, passed + failed + skipped, passed, failed, skipped, seconds.toFixed(1)));
  }
  for (const { name, failures } of results) {
    for (const { file, name: test, detail } of failures) {
      const opening = detail.trim().split('\n').slice(0, DETAIL_LINES).join('\n');
      lines.push('', `failed [${name}] ${file}: ${test}`, indent(opening));
    }
  }
  lines.push('', `${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
  return `${lines.join('\n')}\n`;
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
