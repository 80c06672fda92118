/** Parses a configuration file, and reports all its problems. */
import { readFileSync } from 'node:fs';
import { type ConfigFormat, parseYaml } from '@weir/config';
import { type PlacedVip, restFindings, vipFindings } from './checks.js';
import { replacedKeys } from './replaced-keys.js';
import { type Config, configSchema, type VipConfig, vipSchema } from './schema.js';

/** VIPs that the schema accepts are checked even if other parts are not well-formed. */
const format: ConfigFormat<Config> = {
  schema: configSchema,
  replacedKeys,
  check: (value, config) => [
    ...vipFindings(placedVips(value)),
    ...(config === undefined ? [] : restFindings(config)),
  ],
};

/**
 * Parses a configuration.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function parseConfig(text: string, file = 'config'): Config {
  return parseYaml(text, file, format);
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
