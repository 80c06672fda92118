/**
 * Configuration files in YAML: checked by a schema, with the line of each mistake.
 *
 * @module @weir/config
 */

export { ConfigError } from './config-error.js';
export {
  absolutePath,
  accepts,
  address,
  address4,
  address6,
  duration,
  type Listen,
  listen,
  port,
  prefix,
  socketPath,
} from './fields.js';
export { fileErrorText } from './file-errors.js';
export { type Finding, findings, type KeyNames, type ReplacedKeys } from './findings.js';
export { jsonSchema } from './json-schema.js';
export { knownKeys } from './known-keys.js';
export { type ConfigFormat, type PlacedConfig, parsePlaced, parseYaml } from './parse-config.js';
export { age, bytes, parseAge, parseBytes } from './quantities.js';
export { type Path, type Position, type Problem, yamlValue } from './yaml-source.js';
