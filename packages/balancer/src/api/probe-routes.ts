/** Whether the balancer works: for probes, which have no token, so answers cost next to nothing. */
import { z } from 'zod';
import { type BalancerRoute, StatusAnswer } from './api-answer.js';

const FRESH_MS = 1000;

/** The routes. @param isReady Whether packets are balanced; asked once a second at most. */
export function probeRoutes(isReady: () => boolean): BalancerRoute[] {
  let known = { ready: false, atMs: Number.NEGATIVE_INFINITY };
  return [
    {
      method: 'get',
      path: '/health',
      summary: 'Whether the control plane answers. Needs no token.',
      role: 'none',
      answer: z.strictObject({ status: z.literal('ok') }),
      handle: () => ({ status: 'ok' }),
    },
    {
      method: 'get',
      path: '/ready',
      summary:
        'Whether packets are balanced: status 200, or 503 where a device or its program is gone. Needs no token.',
      role: 'none',
      answer: z.strictObject({ ready: z.boolean() }),
      handle: () => {
        const atMs = performance.now();
        if (atMs - known.atMs > FRESH_MS) known = { ready: isReady(), atMs };
        return new StatusAnswer(known.ready ? 200 : 503, { ready: known.ready });
      },
    },
  ];
}
