/** Parses a configuration file, and reports all its problems. */
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { ConfigError } from './config-error.js';
import { type Finding, findings, type ReplacedKeys } from './findings.js';
import { knownKeys } from './known-keys.js';
import { type Problem, YamlSource } from './yaml-source.js';

/** What a file must be. */
export interface ConfigFormat<Config> {
  readonly schema: z.ZodType<Config>;
  readonly replacedKeys?: ReplacedKeys;
  /**
   * Rules that a schema cannot express.
   *
   * @param value The file as it is.
   * @param config The same with its defaults; undefined where the schema refuses it.
   */
  readonly check?: (value: unknown, config: Config | undefined) => readonly Finding[];
}

/** A configuration that can be used, and the places of its values in the file. */
export interface PlacedConfig<Config> {
  readonly config: Config;
  /** Problems of what was found, in the file's order. */
  place(found: readonly Finding[]): Problem[];
}

/**
 * Parses a configuration.
 *
 * @param file The text's name in messages.
 * @throws ConfigError with all problems of the text.
 */
export function parseYaml<Config>(text: string, file: string, format: ConfigFormat<Config>): Config {
  return parsePlaced(text, file, format).config;
}

/** The same as {@link parseYaml}, for a configuration about which there may be more to say. @throws ConfigError */
export function parsePlaced<Config>(
  text: string,
  file: string,
  format: ConfigFormat<Config>,
): PlacedConfig<Config> {
  const source = new YamlSource(text);
  if (source.problems.length > 0) throw new ConfigError(file, source.problems);
  const { config, found } = read(source, format);
  const placeAll = (some: readonly Finding[]) => inOrder(some.map((finding) => place(source, finding)));
  if (config !== undefined && found.length === 0) return { config, place: placeAll };
  throw new ConfigError(file, placeAll(found));
}

function read<Config>(source: YamlSource, { schema, replacedKeys, check }: ConfigFormat<Config>) {
  let value: unknown;
  try {
    value = source.value();
  } catch (error) {
    return { config: undefined, found: [{ path: [], message: (error as Error).message }] };
  }
  const { data: config, error } = schema.safeParse(value, { reportInput: true });
  const found: Finding[] = [
    ...findings(error?.issues ?? [], {
      ...(replacedKeys !== undefined && { replaced: replacedKeys }),
      known: (path) => knownKeys(schema, path),
    }),
    ...(check?.(value, config) ?? []),
  ];
  return { config, found };
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
