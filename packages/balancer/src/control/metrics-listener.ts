/** The metrics server of a configuration. */
import type { Balancer } from '../balancer.js';
import type { Config } from '../config/schema.js';
import type { CheckedServices } from '../health/checked-services.js';
import type { MetricsSource } from '../metrics/metrics.js';
import type { MetricsServer } from '../metrics/metrics-server.js';

/**
 * Starts the server; returns undefined without `metrics`. @throws Error of the system if it cannot listen on the address.
 */
export async function listenForMetrics(
  { metrics }: Config,
  balancer: Balancer,
  services: CheckedServices,
  others: Pick<MetricsSource, 'sources' | 'sync' | 'unsent'>,
  version: string,
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) return undefined;
  const [{ MetricsServer }, { metricsText }] = await loadMetrics();
  const source = {
    counters: () => balancer.counters(),
    services: () => balancer.services(),
    reals: () => balancer.reals(),
    tables: () => balancer.tables(),
    cpuCounters: () => balancer.cpuCounters(),
    health: () => services.health(),
    ...others,
    version,
  };
  return await MetricsServer.listen(() => metricsText(source), metrics.listen.port, metrics.listen.host);
}

/** Loads the code, which most balancers do not need. */
export function loadMetrics() {
  return Promise.all([import('../metrics/metrics-server.js'), import('../metrics/metrics.js')]);
}
