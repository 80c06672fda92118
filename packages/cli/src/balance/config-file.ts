/** Configuration files of the balancer that the command line names. */
import {
  type CheckedConfig,
  type Config,
  ConfigError,
  checkConfig,
  type Problem,
  thisHost,
} from '@weir/balancer/config';
import { readInput } from '../args/input-file.js';
import { FileProblems } from '../failure.js';
import { escapeText } from '../text/escape.js';

/** @throws UsageError; FileProblems for a configuration that cannot be used. */
export function readConfigFile(file: string): Config {
  return checkConfigFile(file).config;
}

/** The same, where warnings are printed, too. @throws UsageError; FileProblems */
export function checkConfigFile(file: string): CheckedConfig {
  const text = readInput(file).toString();
  try {
    return checkConfig(text, file);
  } catch (error) {
    throw error instanceof ConfigError ? new FileProblems(error.lines, { cause: error }) : error;
  }
}

/**
 * Probable mistakes of a configuration that can be used, on this host.
 *
 * @param withDevices Whether this host's devices count: a balancer that runs reports about its own.
 */
export function warningsHere({ warnings }: CheckedConfig, withDevices: boolean): readonly Problem[] {
  const host = thisHost();
  return warnings(withDevices ? host : { ...host, device: () => undefined });
}

/** A line for each warning, with its break. */
export function warningText(file: string, found: readonly Problem[]): string {
  return found
    .map(({ line, column, message }) => `${escapeText(`${file}:${line}:${column}: warning: ${message}`)}\n`)
    .join('');
}
