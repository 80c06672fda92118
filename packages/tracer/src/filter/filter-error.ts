/** The error of a filter that makes no sense. */
import { OptionError } from '@weir/ebpf/errors';

/** What is wrong with a filter, and where. */
export interface FilterProblem {
  /** Where in the filter's text, from 1 on, in UTF-16 code units. */
  readonly column: number;
  /** What is wrong there. */
  readonly problem: string;
  /** What could stand there. */
  readonly expected?: string | undefined;
  /** The nearest text that would make sense there. */
  readonly suggestion?: string | undefined;
}

/** What somebody wrote may be long; a message is one line. */
const LONGEST = 320;

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** A filter makes no sense at a place of its text. */
export class FilterError extends OptionError implements FilterProblem {
  override name = 'FilterError';
  /** Where in the filter's text, from 1 on, in UTF-16 code units. */
  readonly column: number;
  /** What is wrong there, without the rest of the message. */
  readonly problem: string;
  /** What could stand there. */
  readonly expected: string | undefined;
  /** The nearest text that would make sense there. */
  readonly suggestion: string | undefined;

  /** Makes an error with a message of one line from its parts. */
  constructor({ column, problem, expected, suggestion }: FilterProblem) {
    const better = suggestion === undefined ? '' : `; did you mean ${shorten(suggestion)}?`;
    super(`${shorten(problem)}${better} (column ${column})`);
    this.column = column;
    this.problem = problem;
    this.expected = expected;
    this.suggestion = suggestion;
  }
}
