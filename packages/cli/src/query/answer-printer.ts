/** Asks a question and prints its answer. */
import type { Answer, QueryLimits } from '@weir/history/query';
import type { Output } from '../output/output.js';
import type { RunHost } from '../run-host.js';
import { noColour, paintFor } from '../text/colour.js';
import { formatCount } from '../text/units.js';
import type { Asked } from './asked.js';
import { ConnectionText, endPaths, openColumns, openPaths } from './connection-forms.js';
import { coverageLines } from './coverage.js';
import {
  againstOf,
  differenceColumns,
  differencePaths,
  groupColumns,
  groupPaths,
  groupRows,
  percentilePoints,
  pointColumns,
  pointPaths,
  pointRows,
} from './figure-forms.js';
import { type Column, csvHeader, csvLine, type Json, jsonLine, nameText, table } from './forms.js';
import type { QueryFlags } from './query-command.js';
import type { Questions } from './questions.js';

const DEFAULT_LIMIT = 1000;
/** Connections asked for at a time. */
const PAGE_ROWS = 5000;

type AskedOf<K extends Asked['kind']> = Extract<Asked, { kind: K }>;

export class AnswerPrinter {
  readonly #questions: Questions;
  readonly #flags: QueryFlags;
  readonly #host: RunHost;
  readonly #stdout: Output;
  readonly #limits: QueryLimits;

  constructor(questions: Questions, flags: QueryFlags, host: RunHost, stdout: Output, signal: AbortSignal) {
    this.#questions = questions;
    this.#flags = flags;
    this.#host = host;
    this.#stdout = stdout;
    this.#limits = { signal };
  }

  /** Asks, prints, and says what was lost. */
  async answer(asked: Asked): Promise<void> {
    switch (asked.kind) {
      case 'connections':
        return this.#flags.parquet === undefined
          ? this.#connections(asked)
          : this.#parquet(asked, this.#flags.parquet);
      case 'groups':
        return this.#groups(asked);
      case 'series':
        return this.#series(asked);
      case 'open-at':
        return this.#openAt(asked);
      case 'compare':
        return this.#compare(asked);
      case 'sql':
        return this.#sql(asked);
    }
  }

  get #form(): 'json' | 'csv' | 'text' {
    return this.#flags.json ? 'json' : this.#flags.csv ? 'csv' : 'text';
  }

  get #isTerminal(): boolean {
    return this.#host.stdout.isTTY === true;
  }

  async #connections({ range, filter }: AskedOf<'connections'>): Promise<void> {
    const isFit = this.#isTerminal && this.#flags.wide !== true;
    const paint = paintFor(this.#flags.color, this.#isTerminal, this.#host.env) ?? noColour;
    const text = new ConnectionText(isFit ? this.#host.stdout.columns : undefined, paint);
    if (this.#form === 'text') await this.#stdout.write(text.header());
    if (this.#form === 'csv') await this.#stdout.writeData(csvHeader(endPaths));
    let left = this.#flags.limit ?? DEFAULT_LIMIT;
    let count = 0;
    let cursor: string | undefined;
    let answer: Answer<unknown>;
    do {
      const limit = this.#within(Math.min(left, PAGE_ROWS));
      const page = await this.#questions.connections({
        ...{ range, filter, limit, ...this.#limits },
        ...(cursor !== undefined && { cursor }),
      });
      answer = page;
      const { records } = page.result;
      if (this.#form === 'text') await this.#stdout.write(records.map((each) => text.line(each)).join(''));
      else await this.#data(records, endPaths);
      count += records.length;
      left -= records.length;
      cursor = page.result.next;
    } while (cursor !== undefined && left > 0 && !this.#stdout.broken);
    const what = formatCount(count, 'connection');
    this.#say(cursor === undefined ? what : `the last ${what} (--limit shows more)`, answer);
  }

  async #parquet({ range, filter }: AskedOf<'connections'>, file: string): Promise<void> {
    const { limit } = this.#flags;
    const answer = await this.#questions.parquet({
      ...{ range, filter, file, ...this.#limits },
      ...(limit !== undefined && { limit }),
    });
    this.#say(formatCount(answer.result, 'connection'), answer);
  }

  async #groups({ by, ...asked }: AskedOf<'groups'>): Promise<void> {
    const percentiles = Object.values(percentilePoints);
    const answer = await this.#questions.groups({ ...asked, by, percentiles, ...this.#atMost(10_000) });
    const rows = groupRows(answer.result, by);
    await this.#rows(rows, groupPaths(by), groupColumns(by));
    const { count, total } = answer.result;
    const shown =
      rows.length < count ? `${rows.length} of ${formatCount(count, 'group')}` : formatCount(count, 'group');
    this.#say(`${shown}, ${formatCount(total.connections, 'connection')}`, answer);
  }

  async #series({ by, ...asked }: AskedOf<'series'>): Promise<void> {
    const answer = await this.#questions.series({ ...asked, by, ...this.#atMost(100) });
    const rows = pointRows(answer.result);
    const plain = rows.map(({ at, ...row }) => row);
    await (this.#form === 'text' ? this.#table(rows, pointColumns(by)) : this.#whole(plain, pointPaths(by)));
    this.#say(formatCount(rows.length, 'step'), answer);
  }

  async #openAt({ at, filter }: AskedOf<'open-at'>): Promise<void> {
    const answer = await this.#questions.openAt({ at, filter, ...this.#atMost(100_000) });
    const { records: rows, count } = answer.result;
    await this.#rows(rows, openPaths, openColumns(at));
    const all = formatCount(count, 'connection');
    this.#say(rows.length < count ? `${rows.length} of ${all} open` : `${all} open`, answer);
  }

  async #compare({ by, ...asked }: AskedOf<'compare'>): Promise<void> {
    const answer = await this.#questions.compare({ ...asked, by, ...this.#atMost(10_000) });
    const { differences, count } = answer.result;
    await this.#rows(differences, differencePaths(by), differenceColumns(by));
    this.#say(`${differences.length} of ${formatCount(count, 'group')} differ`, answer);
    this.#say('compared with', againstOf(answer.result), ' ');
  }

  async #sql({ sql }: AskedOf<'sql'>): Promise<void> {
    const { columns, rows, truncated } = await this.#questions.sql({ sql, ...this.#atMost(1_000_000) });
    const names = distinct(columns.map(({ name }) => name));
    if (this.#form === 'json') {
      const objects = rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])));
      await this.#data(objects, names);
    } else {
      // Names of columns may hold dots, so rows are read by number.
      const paths = names.map((_, index) => String(index));
      const cells: Column<readonly unknown[]>[] = names.map((name, index) => ({
        title: nameText(name.replaceAll('\\', '\\\\')),
        text: (row) => cellText(row[index]),
        isNumber: typeof rows[0]?.[index] === 'number',
      }));
      if (this.#form === 'csv') await this.#stdout.writeData(csvHeader(names));
      await (this.#form === 'csv' ? this.#data(rows, paths) : this.#table(rows, cells));
    }
    if (truncated)
      this.#host.stderr.write(`weir: only the first ${formatCount(rows.length, 'row')} (--limit)\n`);
  }

  #atMost(most: number): QueryLimits & { limit?: number } {
    const { limit } = this.#flags;
    return { ...this.#limits, limit: this.#within(Math.min(limit ?? DEFAULT_LIMIT, most)) };
  }

  /** A server may allow fewer rows. */
  #within(rows: number): number {
    return Math.min(rows, this.#questions.mostRows ?? rows);
  }

  async #rows<Row extends Json>(
    rows: readonly Row[],
    paths: readonly string[],
    columns: readonly Column<Row>[],
  ) {
    await (this.#form === 'text' ? this.#table(rows, columns) : this.#whole(rows, paths));
  }

  async #table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): Promise<void> {
    await this.#stdout.write(table(columns, rows));
  }

  async #whole(rows: readonly Json[], paths: readonly string[]): Promise<void> {
    if (this.#form === 'csv') await this.#stdout.writeData(csvHeader(paths));
    await this.#data(rows, paths);
  }

  async #data(rows: readonly Json[], paths: readonly string[]): Promise<void> {
    const line = this.#form === 'json' ? jsonLine : (row: Json) => csvLine(row, paths);
    for (let start = 0; start < rows.length && !this.#stdout.broken; start += PAGE_ROWS)
      await this.#stdout.writeData(
        rows
          .slice(start, start + PAGE_ROWS)
          .map(line)
          .join(''),
      );
  }

  #say(what: string, answer: Answer<unknown>, separator = ', '): void {
    if (!this.#stdout.broken) this.#host.stderr.write(coverageLines(what, separator, answer));
  }
}

/** A statement may give two columns one name, which an object cannot have. */
function distinct(names: readonly string[]): string[] {
  const seen = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let number = 2; seen.has(own); number++) own = `${name}_${number}`;
    seen.add(own);
    return own;
  });
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return '-';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return nameText(text.replaceAll('\\', '\\\\'));
}
