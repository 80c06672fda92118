/** Metrics over HTTP as a configuration has them. */
import type { Balancer } from '../balancer.js';
import type { Config } from '../config/schema.js';
import type { CheckedServices } from '../health/checked-services.js';
import type { MetricsServer } from '../metrics/metrics-server.js';

/** @returns undefined if there is nothing to listen on. @throws Error of the system if that address cannot be listened on */
export async function listenForMetrics(
  { metrics }: Config,
  balancer: Balancer,
  services: CheckedServices,
  version: string,
): Promise<MetricsServer | undefined> {
  if (metrics === undefined) return undefined;
  const [{ MetricsServer }, { metricsText }] = await Promise.all([
    import('../metrics/metrics-server.js'),
    import('../metrics/metrics.js'),
  ]);
  const source = {
    counters: () => balancer.counters(),
    services: () => balancer.services(),
    reals: () => balancer.reals(),
    health: () => services.health(),
    version,
  };
  return await MetricsServer.listen(() => metricsText(source), metrics.listen.port, metrics.listen.host);
}
