/** The views, and where their scripts are. */
import type { ReadonlySignal } from '@preact/signals';
import type { VNode } from 'preact';
import { hasBalancer } from '../state/balancer-known.js';
import type { ViewName } from '../state/view-state.js';

/** A view as the shell knows it. */
export interface ViewRoute {
  readonly name: ViewName;
  readonly title: string;
  /** Opens it after `g`. */
  readonly key: string;
  /** Whether it is in the navigation. */
  readonly isListed: boolean;
  /** It is there only while this is so. Default: always. */
  readonly isUseful?: ReadonlySignal<boolean>;
  /** Loads its script. */
  readonly load: () => Promise<() => VNode>;
}

/** All views, in the order of the navigation. */
export const routes: readonly ViewRoute[] = [
  {
    name: 'overview',
    title: 'Overview',
    key: 'o',
    isListed: true,
    load: async () => (await import('../views/overview/overview-view.js')).OverviewView,
  },
  {
    name: 'map',
    title: 'Map',
    key: 'm',
    isListed: true,
    load: async () => (await import('../views/map/map-view.js')).MapView,
  },
  {
    name: 'table',
    title: 'Connections',
    key: 't',
    isListed: true,
    load: async () => (await import('../views/table/table-view.js')).TableView,
  },
  {
    name: 'failures',
    title: 'Failures',
    key: 'f',
    isListed: true,
    load: async () => (await import('../views/failures/failures-view.js')).FailuresView,
  },
  {
    name: 'compare',
    title: 'Compare',
    key: 'c',
    isListed: true,
    load: async () => (await import('../views/compare/compare-view.js')).CompareView,
  },
  {
    name: 'balancer',
    title: 'Balancer',
    key: 'b',
    isListed: true,
    isUseful: hasBalancer,
    load: async () => (await import('../views/balancer/balancer-view.js')).BalancerView,
  },
  {
    name: 'sql',
    title: 'SQL',
    key: 'q',
    isListed: true,
    load: async () => (await import('../views/sql/sql-view.js')).SqlView,
  },
  {
    name: 'settings',
    title: 'Settings',
    key: 's',
    isListed: true,
    load: async () => (await import('../views/settings/settings-view.js')).SettingsView,
  },
  {
    name: 'connection',
    title: 'Connection',
    key: 'x',
    isListed: false,
    load: async () => (await import('../views/connection/connection-view.js')).ConnectionView,
  },
];

/** The views that are in the navigation now. */
export function listedRoutes(): ViewRoute[] {
  return routes.filter(({ isListed, isUseful }) => isListed && isUseful?.value !== false);
}

/** The route of a view. */
export function routeOf(name: ViewName): ViewRoute {
  return routes.find((route) => route.name === name)!;
}
