/** Parses a configuration file, and reports all its problems. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { type PlacedVip, restFindings, vipFindings } from './checks.js';
import { ConfigError } from './config-error.js';
import { type Finding, findings } from './messages.js';
import { type Config, configSchema, type VipConfig, vipSchema } from './schema.js';
import { type Problem, YamlSource } from './source.js';

/**
 * Parses a configuration.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function parseConfig(text: string, file = 'config'): Config {
  const source = new YamlSource(text);
  if (source.problems.length > 0) throw new ConfigError(file, source.problems);
  const { config, found } = read(source);
  if (config !== undefined && found.length === 0) return config;
  throw new ConfigError(file, inOrder(found.map((finding) => place(source, finding))));
}

/** Reads and parses a configuration file. @throws ConfigError; errors of reading the file. */
export function readConfig(file: string): Config {
  return parseConfig(readFileSync(file, 'utf8'), file);
}

/** Validates a text. VIPs that the schema accepts are checked even if other parts are not well-formed. */
function read(source: YamlSource): { config: Config | undefined; found: Finding[] } {
  let value: unknown;
  try {
    value = source.value();
  } catch (error) {
    return { config: undefined, found: [{ path: [], message: (error as Error).message }] };
  }
  const { data: config, error } = configSchema.safeParse(value, { reportInput: true });
  return {
    config,
    found: [
      ...findings(error?.issues ?? []),
      ...vipFindings(placedVips(value)),
      ...(config === undefined ? [] : restFindings(config)),
    ],
  };
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

function place(source: YamlSource, { path, key, message }: Finding): Problem {
  const position = key === undefined ? source.position(path) : source.keyPosition(path, key);
  return { ...position, message };
}

/** Sorts problems by place and removes repetitions, which aliases cause. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  return sorted.filter((problem, index) => !isDeepStrictEqual(problem, sorted[index - 1]));
}
