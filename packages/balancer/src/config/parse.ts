/** Parses a configuration file, and reports all its problems. */
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigFormat, type Problem, parsePlaced } from '@weir/config';
import { type PlacedVip, restFindings, vipFindings } from './checks.js';
import { replacedKeys } from './replaced-keys.js';
import { type Config, configSchema, type VipConfig, vipSchema } from './schema.js';
import { type HostView, unknownHost, warnings } from './warnings.js';

/** VIPs that the schema accepts are checked even if other parts are not well-formed. */
const format: ConfigFormat<Config> = {
  schema: configSchema,
  replacedKeys,
  check: (value, config) => [
    ...vipFindings(config?.vips.map((vip, index) => ({ index, vip })) ?? placedVips(value)),
    ...(config === undefined ? [] : restFindings(config)),
  ],
};

/** A configuration that can be used, and what is probably a mistake in it. */
export interface CheckedConfig {
  readonly config: Config;
  /**
   * Probable mistakes, with their places.
   *
   * @param host The host on which it would be run. Default: only the text itself counts.
   */
  warnings(host?: HostView): readonly Problem[];
}

/**
 * Parses a configuration.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function parseConfig(text: string, file = 'config'): Config {
  return checkConfig(text, file).config;
}

/**
 * Parses a configuration about whose probable mistakes somebody may ask.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function checkConfig(text: string, file = 'config'): CheckedConfig {
  if (/[\0\ufffd]/.test(text)) {
    const message = 'this is no text: expected a configuration in YAML, as UTF-8';
    throw new ConfigError(file, [{ line: 1, column: 1, message }]);
  }
  const { config, place } = parsePlaced(text, file, format);
  return { config, warnings: (host = unknownHost) => place(warnings(config, host)) };
}

/** Problems of a configuration that was put together, and has no places. */
export function configProblems(config: Config): string[] {
  const placed = config.vips.map((vip, index) => ({ index, vip }));
  return [...vipFindings(placed), ...restFindings(config)].map(({ message }) => message);
}

/** Reads and parses a configuration file. @throws ConfigError; errors of reading the file. */
export function readConfig(file: string): Config {
  return parseConfig(readFileSync(file, 'utf8'), file);
}

function placedVips(value: unknown): PlacedVip[] {
  const vips = typeof value === 'object' && value !== null && 'vips' in value ? value.vips : [];
  return (Array.isArray(vips) ? vips : []).flatMap((item: unknown, index) => {
    const vip = wellFormed(item);
    return vip === undefined ? [] : [{ index, vip }];
  });
}

/** A VIP without the keys that the schema refuses, if the rest is a VIP. */
function wellFormed(item: unknown): VipConfig | undefined {
  const { data, error } = vipSchema.safeParse(item);
  if (error === undefined || typeof item !== 'object' || item === null) return data;
  const refused = error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : issue.path.slice(0, 1),
  );
  const rest = Object.entries(item).filter(([key]) => !refused.includes(key));
  return vipSchema.safeParse(Object.fromEntries(rest)).data;
}
