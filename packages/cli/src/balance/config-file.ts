/** Configuration files of the balancer that the command line names. */
import { type Config, ConfigError, parseConfig } from '@weir/balancer/config';
import { readInput } from '../args/input-file.js';
import { FileProblems } from '../failure.js';

/** @throws UsageError; FileProblems for a configuration that cannot be used. */
export function readConfigFile(file: string): Config {
  const text = readInput(file).toString();
  try {
    return parseConfig(text, file);
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}
