/** The service map. */
import { type MeasureOrder, measureOrders } from '@weir/history/query';
import { z } from 'zod';
import { mapGraph } from '../map-graph.js';
import { type Route, route } from '../route.js';
import { coverageOf } from '../row-json.js';
import { filteredParameters, filterOf, numberText, rangeOf } from '../schemas/parameters.js';
import { coverageJson, measuresJson, time } from '../schemas/values.js';

const { retransmit_ratio: _ratio, handshake_us: _handshake, srtt_us: _srtt, ...rest } = measuresJson;
const { duration_us: _duration, ...sumsJson } = rest;

const networkList = z
  .string()
  .max(5000)
  .transform((text) => text.split(',').filter((network) => network !== ''))
  .prefault('')
  .describe(
    'Networks with commas, each of which is one node: 10.0.0.0/8,2001:db8::/32; peer_group for named ones. Default: none.',
  );

/** Who talks to whom. */
export const mapAnswer = z.strictObject({
  ...coverageJson,
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      kind: z.enum(['group', 'address', 'network']),
      name: z.union([z.string(), z.null()]).describe('null: connections whose field is not known.'),
      host: z.string().exactOptional().describe('The host of a group, where the map is of several.'),
      ...sumsJson,
    }),
  ),
  edges: z.array(
    z.strictObject({
      from: z.string().describe('Id of the node that connected.'),
      to: z.string().describe('Id of the node that accepted.'),
      port: z.int(),
      ...measuresJson,
      last: time.describe('When a connection last ended, or moved something in the minute up to then.'),
    }),
  ),
  count: z.int().describe('How many edges there are, of which the first are here.'),
});

/** The route of the service map. */
export function mapRoutes(): Route[] {
  return [
    route({
      method: 'get',
      path: '/map',
      summary: 'Who talks to whom in a range: nodes and edges, each connection once.',
      role: 'read',
      isQuery: true,
      query: z.strictObject({
        ...filteredParameters,
        by: z
          .string()
          .max(50)
          .default('process')
          .describe('The field that makes a node, such as unit. Default process.'),
        networks: networkList,
        order: z
          .enum(Object.keys(measureOrders) as [MeasureOrder, ...MeasureOrder[]])
          .default('bytes')
          .describe('What the largest edges come first of. Default bytes.'),
        limit: numberText(1, 10_000).prefault('200').describe('At most so many edges. Default 200.'),
      }),
      answer: mapAnswer,
      handle: async ({ history, query, signal }) => {
        const { by, networks, order, limit } = query;
        const asked = { range: rangeOf(query), by, networks, order, limit, signal, ...filterOf(query) };
        const answer = await history.map(asked);
        return { ...coverageOf(answer), ...mapGraph(answer.result.edges), count: answer.result.count };
      },
    }),
  ];
}
