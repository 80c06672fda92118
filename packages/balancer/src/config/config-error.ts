import type { Problem } from './source.js';

/** A configuration that cannot be used: all that is wrong with it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly Problem[];

  /** @param file what the text is called in messages: `FILE:LINE:COLUMN: …`, a line each. */
  constructor(file: string, problems: readonly Problem[]) {
    super(problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`).join('\n'));
    this.problems = problems;
  }
}
