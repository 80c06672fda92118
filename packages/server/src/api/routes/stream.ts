/** The live stream. */

import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import { eventStream } from '../../stream/event-stream.js';
import { type Route, route } from '../route.js';
import { filterOf, filterText } from '../schemas/parameters.js';
import type { RouteServices } from '../services.js';

/** The route of the live stream. */
export function streamRoutes({ live, limits }: RouteServices): Route[] {
  return [
    route({
      method: 'get',
      path: '/stream',
      summary:
        'Connections as they end, as server-sent events: connection (or sums), loss, and dropped with the number that this client lost. The id of an event is the time up to which everything is stored.',
      role: 'read',
      query: z.strictObject({
        filter: filterText,
        sums: z
          .enum(['second'])
          .exactOptional()
          .describe('Sums instead of connections: what each second of a series has more. None is dropped.'),
      }),
      answerType: 'text/event-stream',
      handle: ({ query, signal, mayRead }) => {
        if (live === undefined)
          throw new ProblemError(
            'unavailable',
            'this server reads hours once they are full, so there is nothing live: ask a host for its stream, or ask here again',
          );
        const { filter } = filterOf(query);
        if (live.clients >= limits.streams)
          throw new ProblemError('busy', `${limits.streams} clients read the live stream already`, {
            retryAfter: 10,
          });
        const subscription = query.sums === undefined ? live.subscribe(filter) : live.subscribeSums(filter);
        return new Response(eventStream(subscription, { signal, mayRead }), {
          headers: {
            'content-type': 'text/event-stream',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          },
        });
      },
    }),
  ];
}
