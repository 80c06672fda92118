/** The resource of what is sent over OTLP: this host, and Weir. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Environment } from '../client-tls.js';
import { pairsOf } from './otlp-settings.js';

/** Attributes of a resource. */
export type ResourceAttributes = Readonly<Record<string, string>>;

/**
 * Its attributes: what is configured wins over OTEL_SERVICE_NAME, that over OTEL_RESOURCE_ATTRIBUTES, that over what is known.
 *
 * @throws OptionError for variables that make no sense
 */
export function otlpResource(
  configured: ResourceAttributes,
  environment: Environment,
  version: string,
  machineId = readMachineId(),
): ResourceAttributes {
  const service = environment.OTEL_SERVICE_NAME;
  return {
    'service.name': 'weir',
    'service.version': version,
    'host.name': hostname(),
    ...(machineId !== undefined && { 'host.id': machineId }),
    'os.type': 'linux',
    ...pairsOf('OTEL_RESOURCE_ATTRIBUTES', environment.OTEL_RESOURCE_ATTRIBUTES),
    ...(service && { 'service.name': service }),
    ...configured,
  };
}

function readMachineId(): string | undefined {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
