/** Parts of the status, and the end of a drain. */
import { z } from 'zod';
import { realOfVip, vipStatus } from '../control/answer-schemas.js';
import { controlCommands, requestFields } from '../control/control-commands.js';
import { RequestError } from '../control/names.js';
import type { Handlers } from '../control/server.js';
import type { VipStatus } from '../control/status-report.js';
import type { BalancerRoute } from './api-answer.js';

const { vip, real, overMs } = requestFields;
const query = z.strictObject({
  vip: z.string().max(256).exactOptional().describe('Only that of this name.'),
  overMs,
});

/** Routes that show what the status has, and one that ends a drain. */
export function viewRoutes(handlers: Handlers): BalancerRoute[] {
  const vips = async (asked: unknown): Promise<readonly VipStatus[]> => {
    const { vip: wanted, overMs } = asked as z.output<typeof query>;
    const { vips } = await handlers.status({ overMs });
    const found = wanted === undefined ? vips : vips.filter(({ name }) => name === wanted);
    if (wanted !== undefined && found.length === 0) throw new RequestError(`there is no VIP ${wanted}`);
    return found;
  };
  return [
    {
      method: 'get',
      path: '/vips',
      summary: 'VIPs with their reals, traffic and health.',
      role: 'read',
      query,
      isQueryTyped: true,
      answer: z.strictObject({ vips: z.array(vipStatus) }),
      handle: async (input) => ({ vips: await vips(input.query) }),
    },
    {
      method: 'get',
      path: '/reals',
      summary: 'Reals, each with the VIP that it serves.',
      role: 'read',
      query,
      isQueryTyped: true,
      answer: z.strictObject({ reals: z.array(realOfVip) }),
      handle: async (input) => ({
        reals: (await vips(input.query)).flatMap(({ name: vip, reals }) =>
          reals.map((real) => ({ vip, ...real })),
        ),
      }),
    },
    {
      method: 'post',
      path: '/undrain',
      summary: 'Ends a drain.',
      role: controlCommands.drain.role,
      body: z.strictObject({ vip, real }),
      answer: controlCommands.drain.answer,
      handle: ({ body }) => handlers.drain({ ...(body as { vip: string; real: string }), drained: false }),
    },
  ];
}
