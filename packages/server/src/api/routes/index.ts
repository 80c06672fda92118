/** All routes, in the order in which the OpenAPI document has them. */
import type { Route } from '../route.js';
import type { RouteServices } from '../services.js';
import { aggregateRoutes } from './aggregates.js';
import { balancerRoutes } from './balancer.js';
import { connectionRoutes } from './connections.js';
import { mapRoutes } from './map.js';
import { metricsRoutes } from './metrics.js';
import { momentRoutes } from './moments.js';
import { peerRoutes } from './peer.js';
import { serverRoutes } from './server.js';
import { sessionRoutes } from './session.js';
import { sqlRoutes } from './sql.js';
import { streamRoutes } from './stream.js';
import { transferRoutes } from './transfer.js';

/** All routes. */
export function allRoutes(services: RouteServices): Route[] {
  return [connectionRoutes, aggregateRoutes, mapRoutes, momentRoutes, sqlRoutes, transferRoutes, streamRoutes]
    .flatMap((routes) => routes(services))
    .concat(
      peerRoutes(services),
      balancerRoutes(services),
      sessionRoutes(),
      serverRoutes(services),
      metricsRoutes(services),
    );
}
