/** Files that the command line names. */
import { readFileSync } from 'node:fs';
import { type Config, ConfigError, parseConfig } from '@weir/balancer/config';
import { FileProblems, UsageError } from '../failure.js';

/** @throws UsageError */
export function readInput(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    // "ENOENT: no such file or directory, open 'FILE'"
    const what = (error as Error).message.replace(/^\w+: /, '').replace(/, \w+( '.*')?$/s, '');
    throw new UsageError(`${file}: ${what}`, { cause: error });
  }
}

/** @throws UsageError; FileProblems for a configuration that cannot be used. */
export function readConfigFile(file: string): Config {
  const text = readInput(file).toString();
  try {
    return parseConfig(text, file);
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}
