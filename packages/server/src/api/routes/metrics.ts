/** Metrics for Prometheus. */
import { contentType } from '@weir/balancer/metrics-text';
import { ProblemError } from '@weir/http/api';
import { type Route, route } from '../route.js';
import type { RouteServices } from '../services.js';

/** The route of metrics, where Prometheus looks for them. */
export function metricsRoutes({ metrics }: RouteServices): Route[] {
  return [
    route({
      method: 'get',
      path: '/metrics',
      isRoot: true,
      summary: "Metrics in Prometheus' text format.",
      role: 'read',
      answerType: contentType,
      handle: async () => {
        if (metrics === undefined) throw new ProblemError('unavailable', 'nothing is counted here');
        const headers = { 'content-type': contentType, 'cache-control': 'no-store' };
        return new Response(await metrics.text(), { headers });
      },
    }),
  ];
}
