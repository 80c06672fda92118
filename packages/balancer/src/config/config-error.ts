import type { Problem } from './source.js';

/** A configuration that cannot be used: all that is wrong with it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly Problem[];
  /** `FILE:LINE:COLUMN: …` for each. */
  readonly lines: readonly string[];

  /** @param file what the text is called in messages. */
  constructor(file: string, problems: readonly Problem[]) {
    const lines = problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    super(lines.join('\n'));
    this.problems = problems;
    this.lines = lines;
  }
}
