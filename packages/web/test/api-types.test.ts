/** The page's types of answers are those of the server's schemas: this file does not compile otherwise. */
import { test } from 'node:test';
import type { z } from 'zod';
import type { compareAnswer, groupsAnswer, seriesAnswer } from '../../server/src/api/routes/aggregates.js';
import type { connectionAnswer, connectionsAnswer } from '../../server/src/api/routes/connections.js';
import type { mapAnswer } from '../../server/src/api/routes/map.js';
import type { hostsAnswer, openAtAnswer } from '../../server/src/api/routes/moments.js';
import type { serverAnswer, statusAnswer } from '../../server/src/api/routes/server.js';
import type {
  balancerChangeJson,
  balancerJson,
  balancerSeriesJson,
  foundFlowJson,
} from '../../server/src/api/schemas/balancer-values.js';
import type {
  endJson,
  intervalJson,
  keyJson,
  lossJson,
  measuresJson,
  openJson,
  secondJson,
} from '../../server/src/api/schemas/values.js';
import type {
  CompareAnswer,
  ConnectionAnswer,
  ConnectionsAnswer,
  EndedConnection,
  GroupsAnswer,
  HostsAnswer,
  Interval,
  Key,
  Loss,
  MapAnswer,
  Measures,
  OpenAtAnswer,
  OpenConnection,
  SecondSums,
  SeriesAnswer,
  ServerAnswer,
  StatusAnswer,
} from '../src/api/api-types.js';
import type {
  BalancerChange,
  BalancerLookupAnswer,
  BalancerReal,
  BalancerSeries,
  BalancerState,
  BalancerVip,
} from '../src/api/balancer-types.js';

/** One type can be used as the other. */
type Fits<Given extends Wanted, Wanted> = Given;

type Shape<Fields extends z.core.$ZodShape> = z.output<z.ZodObject<Fields, z.core.$strict>>;
/** What the server sends is what the page reads. */
export type Checked = [
  Fits<z.output<typeof endJson>, EndedConnection>,
  Fits<z.output<typeof openJson>, OpenConnection>,
  Fits<z.output<typeof intervalJson>, Interval>,
  Fits<z.output<typeof lossJson>, Loss>,
  Fits<z.output<typeof keyJson>, Key>,
  Fits<Shape<typeof measuresJson>, Measures>,
  Fits<z.output<typeof balancerJson>, BalancerState>,
  Fits<z.output<typeof balancerChangeJson>, BalancerChange>,
  Fits<z.output<typeof balancerSeriesJson>, BalancerSeries>,
  Fits<z.output<typeof foundFlowJson>, BalancerLookupAnswer>,
  Fits<z.output<typeof secondJson>, SecondSums>,
  Fits<z.output<typeof groupsAnswer>, GroupsAnswer>,
  Fits<z.output<typeof seriesAnswer>, SeriesAnswer>,
  Fits<z.output<typeof compareAnswer>, CompareAnswer>,
  Fits<z.output<typeof mapAnswer>, MapAnswer>,
  Fits<z.output<typeof connectionsAnswer>, ConnectionsAnswer>,
  Fits<z.output<typeof connectionAnswer>, ConnectionAnswer>,
  Fits<z.output<typeof openAtAnswer>, OpenAtAnswer>,
  Fits<z.output<typeof hostsAnswer>, HostsAnswer>,
  Fits<z.output<typeof statusAnswer>, StatusAnswer>,
  Fits<z.output<typeof serverAnswer>, ServerAnswer>,
];
type SentBalancer = z.output<typeof balancerJson>;
type SentVip = SentBalancer['vips'][number];
/** What the members of a list are. */
type Member<List extends readonly unknown[] | undefined> = NonNullable<List>[number];
/** The page reads no field that the server does not send. */
export type Known = [
  Fits<keyof EndedConnection, keyof z.output<typeof endJson>>,
  Fits<keyof OpenConnection, keyof z.output<typeof openJson>>,
  Fits<keyof Interval, keyof z.output<typeof intervalJson>>,
  Fits<keyof Loss, keyof z.output<typeof lossJson>>,
  Fits<keyof Measures, keyof Shape<typeof measuresJson>>,
  Fits<keyof BalancerState, keyof SentBalancer>,
  Fits<keyof BalancerVip, keyof SentVip>,
  Fits<keyof BalancerReal, keyof SentVip['reals'][number]>,
  Fits<keyof BalancerChange, keyof z.output<typeof balancerChangeJson>>,
  Fits<keyof BalancerSeries, keyof z.output<typeof balancerSeriesJson>>,
  Fits<keyof BalancerLookupAnswer, keyof z.output<typeof foundFlowJson>>,
  Fits<keyof SecondSums, keyof z.output<typeof secondJson>>,
  Fits<keyof GroupsAnswer, keyof z.output<typeof groupsAnswer>>,
  Fits<keyof Member<GroupsAnswer['groups']>, keyof Member<z.output<typeof groupsAnswer>['groups']>>,
  Fits<keyof SeriesAnswer, keyof z.output<typeof seriesAnswer>>,
  Fits<
    keyof Member<Member<SeriesAnswer['series']>['points']>,
    keyof Member<Member<z.output<typeof seriesAnswer>['series']>['points']>
  >,
  Fits<keyof CompareAnswer, keyof z.output<typeof compareAnswer>>,
  Fits<
    keyof Member<CompareAnswer['differences']>,
    keyof Member<z.output<typeof compareAnswer>['differences']>
  >,
  Fits<keyof MapAnswer, keyof z.output<typeof mapAnswer>>,
  Fits<keyof Member<MapAnswer['nodes']>, keyof Member<z.output<typeof mapAnswer>['nodes']>>,
  Fits<keyof Member<MapAnswer['edges']>, keyof Member<z.output<typeof mapAnswer>['edges']>>,
  Fits<keyof ConnectionsAnswer, keyof z.output<typeof connectionsAnswer>>,
  Fits<keyof ConnectionAnswer, keyof z.output<typeof connectionAnswer>>,
  Fits<keyof OpenAtAnswer, keyof z.output<typeof openAtAnswer>>,
  Fits<keyof HostsAnswer, keyof z.output<typeof hostsAnswer>>,
  Fits<keyof StatusAnswer, keyof z.output<typeof statusAnswer>>,
  Fits<keyof ServerAnswer, keyof z.output<typeof serverAnswer>>,
];

test('the types of answers fit the schemas of the server', () => {});
