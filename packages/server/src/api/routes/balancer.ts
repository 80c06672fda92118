/** The balancers of the collectors' hosts. */
import { isIP } from 'node:net';
import { ProblemError } from '@weir/http/api';
import { z } from 'zod';
import type { MsSpan, TimedChange } from '../../balancer/balancer-history.js';
import { balancerSeries, gapsBetween } from '../../balancer/balancer-series.js';
import { LookupError } from '../../ingest/pending-lookups.js';
import type { SeenBalancer } from '../../wire/balancer-messages.js';
import { balancerOf, changeOf, msText, seriesOf } from '../balancer-json.js';
import type { Range } from '../history.js';
import { type Route, route } from '../route.js';
import { rangeJsonOf } from '../row-json.js';
import {
  balancerChangeJson,
  balancerJson,
  balancerSeriesJson,
  foundFlowJson,
} from '../schemas/balancer-values.js';
import { momentOf, numberText, rangeOf, rangeText, spanText, zone } from '../schemas/parameters.js';
import { rangeJson, time } from '../schemas/values.js';
import type { BalancerServices, RouteServices } from '../services.js';

const MOST_NAME = 200;
const nameText = z.string().min(1).max(MOST_NAME).exactOptional();
const balancer = nameText.describe('Only this balancer.');
const vip = nameText.describe('Only this VIP, by its name.');
/** The range that is asked about, of these. */
const spanOfBalancers = { range: rangeText, zone, balancer, vip };
/** A shorter step would show the time between two looks. */
const LEAST_STEP_NS = 10_000_000_000n;
const MOST_POINTS = 10_000;

/** Routes about balancers. */
export function balancerRoutes({ balancers }: RouteServices): Route[] {
  return [stateRoute, seriesRoute, changesRoute, lookupRoute].map((make) => make(balancers));
}

/** @throws ProblemError where no collector says what balancers do */
function known(balancers: BalancerServices | undefined): BalancerServices {
  if (balancers === undefined)
    throw new ProblemError('unavailable', 'this server does not know what balancers do');
  return balancers;
}

function msOf({ from, to }: Range): MsSpan {
  return { from: Number(from / 1_000_000n), to: Number(to / 1_000_000n) };
}

function stateRoute(balancers: BalancerServices | undefined): Route {
  return route({
    method: 'get',
    path: '/balancer',
    summary: 'The load balancers of this host: VIPs and reals with health, share and traffic.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      at: z
        .string()
        .min(1)
        .max(100)
        .default('now')
        .describe('A moment, without figures of traffic: 10:32, -5m, RFC 3339. Default now.'),
      zone,
    }),
    answer: z.strictObject({
      at: time.exactOptional().describe('When they were looked at; absent where they were not yet.'),
      kept_since: time.exactOptional().describe('Since when is known how they were.'),
      balancers: z.array(balancerJson),
    }),
    handle: async ({ query, signal }) => {
      const { history } = known(balancers);
      const { begins, looked } = history;
      const since = begins === undefined ? {} : { kept_since: msText(begins) };
      if (query.at !== 'now') {
        const moment = momentOf(query.at, query);
        const states = await history.at(Number(moment / 1_000_000n), signal);
        const at = msText(Number(moment / 1_000_000n));
        return { at, ...since, balancers: states.map((state) => balancerOf(state, undefined)) };
      }
      return {
        ...(looked !== undefined && { at: msText(looked) }),
        ...since,
        balancers: history.now.map(({ state, ...figures }) => balancerOf(state, figures)),
      };
    },
  });
}

function seriesRoute(balancers: BalancerServices | undefined): Route {
  return route({
    method: 'get',
    path: '/balancer/series',
    summary: 'What VIPs or reals moved in a range, step by step. It is known by the minute.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...spanOfBalancers,
      step: spanText.prefault('1m').describe('Length of a step: 10s at least. Default 1m.'),
      by: z.enum(['vip', 'real']).default('vip').describe('A series for each of these. Default vip.'),
      limit: numberText(1, 100).prefault('10').describe('At most so many series. Default 10.'),
    }),
    answer: z.strictObject({
      range: rangeJson,
      unrecorded: z.array(rangeJson).describe('Spans of which it is not known what was moved.'),
      step_seconds: z.number(),
      series: z
        .array(balancerSeriesJson)
        .describe('Those that moved most bytes. A real has what it moved in all VIPs.'),
      count: z.int().describe('How many there are, of which those are here.'),
    }),
    handle: async ({ query, signal }) => {
      const { history } = known(balancers);
      const { step, by, limit, balancer, vip } = query;
      const range = rangeOf(query);
      if (step < LEAST_STEP_NS) throw new ProblemError('request', 'step: expected 10s or more');
      if ((range.to - range.from) / step > MOST_POINTS)
        throw new ProblemError('request', `step: the range would have more than ${MOST_POINTS} steps`);
      const span = msOf(range);
      const list = await balancerSeries(history.moved(span, signal), {
        ...{ range: span, stepMs: Number(step / 1_000_000n), by, limit },
        ...(balancer !== undefined && { balancer }),
        ...(vip !== undefined && { vip }),
      });
      return {
        range: rangeJsonOf(range),
        unrecorded: gapsBetween(list.known, span).map(({ from, to }) => ({
          from: msText(from),
          to: msText(to),
        })),
        step_seconds: Number(step) / 1e9,
        series: list.series.map(seriesOf),
        count: list.count,
      };
    },
  });
}

function changesRoute(balancers: BalancerServices | undefined): Route {
  return route({
    method: 'get',
    path: '/balancer/changes',
    summary: 'What changed in a range: VIPs, reals, weights, health, drains, processes.',
    role: 'read',
    isQuery: true,
    query: z.strictObject({
      ...spanOfBalancers,
      limit: numberText(1, 10_000).prefault('1000').describe('At most so many. Default 1000.'),
    }),
    answer: z.strictObject({
      range: rangeJson,
      changes: z.array(balancerChangeJson).describe('The newest come first.'),
      count: z.int().describe('How many there are, of which the newest are here.'),
    }),
    handle: async ({ query, signal }) => {
      const { history } = known(balancers);
      const { balancer, vip, limit } = query;
      const range = rangeOf(query);
      let changes: TimedChange[] = [];
      let count = 0;
      for await (const change of history.changes(msOf(range), signal)) {
        if (balancer !== undefined && change.balancer !== balancer) continue;
        if (vip !== undefined && change.vip !== vip) continue;
        count++;
        changes.push(change);
        if (changes.length >= 2 * limit) changes = changes.slice(-limit);
      }
      return {
        range: rangeJsonOf(range),
        changes: changes.slice(-limit).reverse().map(changeOf),
        count,
      };
    },
  });
}

const endText = (example: string) =>
  z.string().max(MOST_NAME).describe(`An address with a port, such as ${example} or [2001:db8::7]:31337.`);

function lookupRoute(balancers: BalancerServices | undefined): Route {
  return route({
    method: 'get',
    path: '/balancer/lookup',
    summary: "Where a flow's next packet goes, and why. The balancer's program says so; nothing is counted.",
    role: 'read',
    query: z.strictObject({
      balancer: nameText.describe('The balancer. Default: the only one that runs.'),
      vip: z
        .string()
        .min(1)
        .max(MOST_NAME)
        .describe('The name of a VIP, or an address with a port, such as 198.51.100.1:443.'),
      protocol: z.enum(['tcp', 'udp']).exactOptional().describe("Default: the VIP's by its name, else tcp."),
      client: endText('192.0.2.7:31337').min(1),
    }),
    answer: foundFlowJson,
    handle: async ({ query }) => {
      const { history, lookUp } = known(balancers);
      const running = history.now.map(({ state }) => state).filter((state) => state.running);
      const state = chosen(running, query.balancer);
      const client = endpoint('client', query.client);
      const destination = destinationOf(state, query.vip);
      const flow = {
        ...{ source: client.address, sourcePort: client.port },
        ...{ destination: destination.address, destinationPort: destination.port },
        protocol: query.protocol ?? destination.protocol ?? ('tcp' as const),
      };
      try {
        const { real, ...found } = await lookUp({ balancer: state.name, flow });
        return { ...found, ...(real !== undefined && { real: { ...real } }) };
      } catch (error) {
        if (!(error instanceof LookupError)) throw error;
        const kinds = { request: 'request', missing: 'missing', failed: 'history', busy: 'busy' } as const;
        throw new ProblemError(
          kinds[error.kind],
          error.message,
          error.kind === 'busy' ? { retryAfter: 1 } : {},
        );
      }
    },
  });
}

/** @throws ProblemError */
function chosen(running: readonly SeenBalancer[], name: string | undefined): SeenBalancer {
  const [only, ...more] = running.filter((state) => name === undefined || state.name === name);
  if (only === undefined)
    throw new ProblemError(
      'missing',
      name === undefined ? 'no balancer runs here' : `no balancer ${name} runs here`,
    );
  if (more.length > 0)
    throw new ProblemError(
      'request',
      `balancer: several run here, choose one of ${running.map((state) => state.name).join(', ')}`,
    );
  return only;
}

interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** @throws ProblemError */
function endpoint(parameter: string, text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d{1,5})$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  const family = match?.[1] === undefined ? 4 : 6;
  if (isIP(address) !== family || port > 65_535)
    throw new ProblemError(
      'request',
      `${parameter}: expected an address with a port, such as 192.0.2.7:31337 or [2001:db8::7]:31337`,
    );
  return { address, port };
}

/** @throws ProblemError */
function destinationOf(state: SeenBalancer, text: string): Endpoint & { readonly protocol?: 'tcp' | 'udp' } {
  const vip = state.vips.find(({ name }) => name === text);
  if (vip === undefined) return endpoint('vip', text);
  const { address, port, protocol } = vip;
  if (port === 0 || isIP(address) === 0)
    throw new ProblemError('request', `vip: ${text} has many addresses or ports, name one as ADDRESS:PORT`);
  return { address, port, protocol };
}
