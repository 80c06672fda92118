/**
 * Records by which test processes report to the one that started them: JSON, a line each, after the ASCII record
 * separator, in the same stream as the tests' own output. A guest has one line to the outside, so the host's processes do
 * the same.
 */

export type TestRecord =
  /** Written around each test file by whoever starts it. */
  | { readonly type: 'start'; readonly file: string }
  | { readonly type: 'end'; readonly file: string; readonly status: number }
  /** Written by the reporter. `name` includes the names of the tests around it. */
  | {
      readonly type: 'test';
      readonly name: string;
      readonly outcome: 'passed' | 'failed' | 'skipped';
      /** Milliseconds. */
      readonly duration: number;
      /** Why it was skipped, or the error with its stack. */
      readonly detail?: string;
    };

const separator = '\x1e';

export function encodeRecord(record: TestRecord): string {
  return `${separator}${JSON.stringify(record)}\n`;
}

/** Splits a stream of text into records and everything else. */
export class RecordParser {
  readonly #onRecord: (record: TestRecord) => void;
  readonly #onText: (text: string) => void;
  #partial = '';

  constructor(onRecord: (record: TestRecord) => void, onText: (text: string) => void) {
    this.#onRecord = onRecord;
    this.#onText = onText;
  }

  write(text: string): void {
    let rest = this.#partial + text;
    this.#partial = '';
    while (rest !== '') {
      const start = rest.indexOf(separator);
      if (start !== 0) this.#onText(start < 0 ? rest : rest.slice(0, start));
      if (start < 0) return;
      const end = rest.indexOf('\n', start);
      if (end < 0) {
        this.#partial = rest.slice(start);
        return;
      }
      this.#take(rest.slice(start + 1, end));
      rest = rest.slice(end + 1);
    }
  }

  /** A line that a dying process left unfinished is text. */
  end(): void {
    if (this.#partial !== '') this.#onText(this.#partial);
    this.#partial = '';
  }

  #take(line: string): void {
    try {
      this.#onRecord(JSON.parse(line) as TestRecord);
    } catch {
      this.#onText(`${line}\n`);
    }
  }
}
