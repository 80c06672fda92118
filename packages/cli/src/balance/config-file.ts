/** Configuration files of the balancer that the command line names. */
import {
  type Config,
  ConfigError,
  configWarnings,
  type Problem,
  parseConfig,
  thisHost,
} from '@weir/balancer/config';
import { readInput } from '../args/input-file.js';
import { FileProblems } from '../failure.js';
import { escapeText } from '../text/escape.js';

/** @throws UsageError; FileProblems for a configuration that cannot be used. */
export function readConfigFile(file: string): Config {
  const text = readInput(file).toString();
  try {
    return parseConfig(text, file);
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}

/**
 * Probable mistakes of a configuration that can be used, on this host.
 *
 * @param withDevices Whether this host's devices count: a balancer that runs reports about its own.
 * @throws UsageError
 */
export function warningsOf(file: string, withDevices: boolean): readonly Problem[] {
  const host = thisHost();
  const text = readInput(file).toString();
  return configWarnings(text, withDevices ? host : { ...host, device: () => undefined });
}

/** Probable mistakes of a configuration for another host. @throws UsageError */
export function warningsElsewhere(file: string): readonly Problem[] {
  return configWarnings(readInput(file).toString());
}

/** A line for each warning, with its break. */
export function warningText(file: string, found: readonly Problem[]): string {
  return found
    .map(({ line, column, message }) => `${escapeText(`${file}:${line}:${column}: warning: ${message}`)}\n`)
    .join('');
}
