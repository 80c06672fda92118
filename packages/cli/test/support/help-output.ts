/** Help as a command without a terminal prints it. */
import type { HelpOutput } from '../../src/program.js';

export function helpOutput(write: (text: string) => unknown): HelpOutput {
  const width = () => 80;
  return { writeOut: write, writeErr: write, getOutHelpWidth: width, getErrHelpWidth: width };
}
