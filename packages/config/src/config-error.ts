import type { Problem } from './yaml-source.js';

/** More say no more: most follow from the first. */
const MOST_LINES = 50;

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
    const lines = problems
      .slice(0, MOST_LINES)
      .map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
    const more = problems.length - lines.length;
    if (more > 0) lines.push(`${file}: ${more} more ${more === 1 ? 'mistake' : 'mistakes'}`);
    super(lines.join('\n'));
    this.problems = problems;
    this.lines = lines;
  }
}
