/** What was open at a moment, and what was lost in a range. */
import { HostNames } from '@weir/history/query';
import { idText, timeText } from '@weir/history/rows';
import { z } from 'zod';
import { unanswered } from '../../peers/merged-history.js';
import { type Route, route } from '../route.js';
import { coverageOf, openOf } from '../row-json.js';
import {
  filterOf,
  filterText,
  momentOf,
  numberText,
  openRows,
  rangeOf,
  rangeParameters,
  source,
  zone,
} from '../schemas/parameters.js';
import { coverageJson, id, incompleteJson, openJson, time } from '../schemas/values.js';
import type { RouteServices } from '../services.js';

/** What was open at a moment. */
export const openAtAnswer = z.strictObject({
  ...coverageJson,
  at: time,
  count: z.int().describe('How many were open, of which the oldest are here.'),
  connections: z.array(openJson),
});

/** Hosts and boots. */
export const hostsAnswer = z.strictObject({
  hosts: z.array(
    z.strictObject({
      id,
      first_seen: time,
      name: z.string(),
      label: z
        .string()
        .describe(
          'What it is called in answers: its name, with a part of its machine-id where another host has that name.',
        ),
      machine_id: z.string().exactOptional(),
      boot_id: z.string(),
      kernel: z.string().exactOptional(),
    }),
  ),
  incomplete: incompleteJson,
});

/** Routes about moments, and about what is not known. */
export function momentRoutes(services: RouteServices): Route[] {
  return [openAtRoute(services), lossesRoute(), hostsRoute(services)];
}

function openAtRoute({ limits }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/open-at',
    summary: 'Connections that were open at a moment.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      at: z.string().min(1).max(100).default('now').describe('A moment: 10:32, -5m, RFC 3339. Default now.'),
      zone,
      source,
      filter: filterText,
      figures: z
        .enum(['look', 'moment'])
        .default('look')
        .describe(
          'look: figures of the last look before the moment. moment: those of the moment itself, with rates; between two looks, traffic is taken to be even.',
        ),
      limit: numberText(1, limits.rows)
        .prefault(String(Math.min(10_000, limits.rows)))
        .describe(`At most so many, up to ${limits.rows}.`),
    }),
    answer: openAtAnswer,
    handle: async ({ history, query, signal }) => {
      const at = momentOf(query.at, query);
      const { limit, figures } = query;
      const answer = await history.openAt({ at, limit, figures, signal, ...filterOf(query, openRows) });
      const { rows, count } = answer.result;
      return { ...coverageOf(answer), at: timeText(at), count, connections: rows.map(openOf) };
    },
  });
}

function lossesRoute(): Route {
  return route({
    method: 'get',
    path: '/losses',
    summary: 'What was lost in a range, and when nothing was recorded.',
    role: 'read',
    isQuery: true,
    query: z.strictObject(rangeParameters),
    answer: z.strictObject(coverageJson),
    handle: async ({ history, query, signal }) =>
      coverageOf(await history.losses(rangeOf(query), { signal })),
  });
}

function hostsRoute({ peers = [] }: RouteServices): Route {
  return route({
    method: 'get',
    path: '/hosts',
    summary: 'Hosts and their boots whose connections were recorded.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({ source }),
    answer: hostsAnswer,
    handle: async ({ history, signal }) => {
      const hosts = await history.hosts({ signal });
      const names = new HostNames(hosts);
      return {
        hosts: hosts.map(({ host_id, time, ...host }) => ({
          id: idText(host_id),
          first_seen: timeText(time),
          label: names.shown(host_id),
          ...host,
        })),
        ...(peers.length > 0 && { incomplete: unanswered(peers) }),
      };
    },
  });
}
