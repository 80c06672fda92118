/**
 * Configuration files of a balancer.
 *
 * @module @weir/balancer/config
 */

export { ConfigError, type Listen, type Position, type Problem } from '@weir/config';
export type { DeviceFeatures } from '../device/device-features.js';
export { vipName } from '../service.js';
export {
  devicesOf,
  nextHop,
  openOptions,
  programOptions,
  realAt,
  serviceOf,
  specOf,
  vipOf,
} from './convert.js';
export { type Change, type Difference, diff, type FromTo, inverse } from './diff.js';
export type { StatusRange } from './fields.js';
export { thisHost } from './host-view.js';
export { jsonSchemaText } from './json-schema.js';
export { type CheckedConfig, checkConfig, parseConfig, readConfig } from './parse.js';
export type {
  CheckConfig,
  Config,
  DeviceConfig,
  RealConfig,
  VipConfig,
} from './schema.js';
export { configKeys } from './schema.js';
export type { DnsServer, Portion, SourceConfig, SourceKind } from './source-schema.js';
export type { HostView } from './warnings.js';
