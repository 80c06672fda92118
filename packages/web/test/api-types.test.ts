/** The page's types of answers are those of the server's schemas: this file does not compile otherwise. */
import { test } from 'node:test';
import type { z } from 'zod';
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
} from '../../server/src/api/schemas/values.js';
import type { EndedConnection, Interval, Key, Loss, Measures, OpenConnection } from '../src/api/api-types.js';
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
];
type SentBalancer = z.output<typeof balancerJson>;
type SentVip = SentBalancer['vips'][number];
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
];

test('the types of answers fit the schemas of the server', () => {});
