/** Both ends of connections as answers show them. Pure. */
import { type ConnectionEnd, compareEnds, joinEnds } from '@weir/history/joined';
import { flowIdOf, idText } from '@weir/history/rows';
import type { z } from 'zod';
import type { joinedJson } from './schemas/joined-values.js';

/** The ends of which both are known, side by side. */
export function joinedOf(ends: readonly ConnectionEnd[]): z.input<typeof joinedJson>[] {
  return joinEnds(ends).flatMap(({ client, server, by, others }) => {
    if (client === undefined || server === undefined || by === undefined) return [];
    const { translations, ...compared } = compareEnds(client, server);
    return [
      {
        by,
        client: placeOf(client),
        server: placeOf(server),
        others: others.length,
        translations: translations.map((each) => ({ ...each })),
        ...compared,
      },
    ];
  });
}

function placeOf(end: ConnectionEnd) {
  const { flow_ns, flow_cpu } = end;
  return {
    host: idText(end.host_id),
    local: { address: end.local_address, port: end.local_port },
    ...(flow_ns !== undefined && flow_cpu !== undefined && { flow_id: flowIdOf({ flow_ns, flow_cpu }) }),
  };
}
