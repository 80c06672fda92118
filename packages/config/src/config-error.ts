import type { Problem } from './yaml-source.js';

/** A configuration that cannot be used, with all its problems. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly Problem[];
  /** The problems as `FILE:LINE:COLUMN: …`. */
  readonly lines: readonly string[];

  /**
   * Makes an error from all problems of a file.
   *
   * @param file The text's name in messages.
   */
  constructor(file: string, problems: readonly Problem[]) {
    const lines = problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    super(lines.join('\n'));
    this.problems = problems;
    this.lines = lines;
  }
}
