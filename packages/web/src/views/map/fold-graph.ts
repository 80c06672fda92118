/** Makes a graph small enough to be read: the least important services of a kind become one node. Pure. */
import { addressGroup } from './address-group.js';
import {
  type Flow,
  type Link,
  mergeLinks,
  pairKey,
  type Service,
  type ServiceGraph,
  type ServiceKind,
  sumFlows,
} from './service-graph.js';

/** What makes a service important. */
export type Weight = 'bytes' | 'connections' | 'failures';

/** A service that is drawn, or several that are drawn as one. */
export interface DrawnNode extends Flow {
  readonly id: string;
  readonly kind: ServiceKind;
  readonly name: string | null;
  /** Its host, where the map is of several. */
  readonly host?: string;
  /** The services that it stands for, the most important first; one, unless it is a group. */
  readonly members: readonly Service[];
  /** The group of services, which opens: undefined for a single one. */
  readonly group: string | undefined;
}

/** What is drawn. */
export interface DrawnGraph {
  readonly nodes: readonly DrawnNode[];
  readonly links: readonly Link[];
  /** Links that are not drawn, because there are more than can be distinguished. */
  readonly hiddenLinks: number;
  /** The node that has a service. */
  readonly nodeOf: ReadonlyMap<string, string>;
}

/** How a graph is folded. */
export interface FoldOptions {
  readonly weight: Weight;
  /** Groups that were opened; the one that was opened last comes last. */
  readonly open?: readonly string[];
  /** Services that are drawn alone until now: they stay so unless they have become much less important. */
  readonly shown?: ReadonlySet<string>;
  /** About so many nodes are drawn. Default 100. */
  readonly mostNodes?: number;
  /** At most so many links are drawn. Default 300. */
  readonly mostLinks?: number;
}

/** Groups that there may be beside single services. */
const MOST_GROUPS = 12;
/** The part of all places that members of opened groups get. */
const OPEN_PART = 0.6;
/** The part of all places that goes by importance alone: the others are kept by those that have them. */
const FIRM_PART = 0.75;
/** A service keeps its place down to this multiple of the number of places. */
const KEPT_PART = 1.25;

/** The weight of a flow. */
export function weightOf(flow: Flow, weight: Weight): number {
  switch (weight) {
    case 'bytes':
      return flow.bytes_sent + flow.bytes_received;
    case 'connections':
      return flow.connections;
    case 'failures':
      return flow.failures;
  }
}

/** Folds a graph. A graph that is small enough stays as it is. */
export function foldGraph(graph: ServiceGraph, options: FoldOptions): DrawnGraph {
  const { mostNodes = 100, mostLinks = 300, weight } = options;
  const ranked = rank(graph.services, weight);
  const alone = ranked.length <= mostNodes ? ranked : choose(ranked, mostNodes - MOST_GROUPS, options);
  const isAlone = new Set(alone.map(({ id }) => id));
  const groups = groupsOf(ranked.filter(({ id }) => !isAlone.has(id)));
  const folded = [...alone.map(single), ...groups];
  const nodeOf = new Map(
    folded.flatMap(({ id, members }) => members.map((member) => [member.id, id] as const)),
  );
  const nodes = folded.map((node) => (node.group === undefined ? node : withSums(node, graph.links, nodeOf)));
  const all = drawnLinks(graph.links, nodeOf);
  const links = all.length <= mostLinks ? all : rank(all, weight).slice(0, mostLinks);
  return { nodes, links, hiddenLinks: all.length - links.length, nodeOf };
}

function single(service: Service): DrawnNode {
  return { ...service, members: [service], group: undefined };
}

/**
 * The most important first: in turn the next by weight and the next by failures, so that neither much traffic hides what fails, nor
 * a thousand failures the traffic.
 */
function rank<Item extends Flow & { readonly id: string }>(items: readonly Item[], weight: Weight): Item[] {
  const byId = (a: Item, b: Item) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  const byWeight = [...items].sort((a, b) => weightOf(b, weight) - weightOf(a, weight) || byId(a, b));
  const failing = items.filter(({ failures }) => failures > 0);
  failing.sort((a, b) => b.failures - a.failures || byId(a, b));
  const ranked = new Set<Item>();
  for (const [index, item] of byWeight.entries()) {
    const other = failing[index];
    if (other !== undefined) ranked.add(other);
    ranked.add(item);
  }
  return [...ranked];
}

/** The services that are drawn alone. */
function choose(ranked: readonly Service[], places: number, { open = [], shown }: FoldOptions): Service[] {
  const chosen = new Set<Service>();
  const opened = [...open].reverse().flatMap((group) => ranked.filter((each) => isIn(each, group)));
  for (const service of opened.slice(0, Math.floor(places * OPEN_PART))) chosen.add(service);
  const fill = (candidates: readonly Service[], limit: number) => {
    for (const service of candidates) {
      if (chosen.size >= limit) return;
      chosen.add(service);
    }
  };
  const rest = ranked.filter((service) => !chosen.has(service));
  const free = places - chosen.size;
  const firm = Math.floor(free * FIRM_PART);
  fill(rest.slice(0, firm), places);
  fill(
    rest.slice(firm, Math.ceil(free * KEPT_PART)).filter(({ id }) => shown?.has(id) === true),
    places,
  );
  fill(rest, places);
  return [...chosen];
}

/** The group in which a service is where it is not drawn alone. */
export function groupOf({ kind, name, host }: Pick<Service, 'kind' | 'name' | 'host'>): string {
  if (kind === 'group' && host !== undefined) return `${OF_HOST}${host}`;
  return kind === 'address' && name !== null ? `${OF_NETWORK}${addressGroup(name)}` : kind;
}

const OF_HOST = 'host ';
const OF_NETWORK = 'address ';

function isIn(service: Service, group: string): boolean {
  return group === service.kind || groupOf(service) === group;
}

/** Groups of the services that are left, at most so many as there is room for. */
function groupsOf(services: readonly Service[]): DrawnNode[] {
  const groups = new Map<string, Service[]>();
  for (const service of services) {
    const group = groupOf(service);
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [service]);
    else known.push(service);
  }
  const named = [...groups]
    .filter(([group]) => group.startsWith(OF_NETWORK) || group.startsWith(OF_HOST))
    .sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1));
  const spare = named.slice(MOST_GROUPS - 3);
  for (const [group] of spare) groups.delete(group);
  for (const kind of ['address', 'group'] as const) {
    const smallest = spare.flatMap(([, members]) => members.filter((member) => member.kind === kind));
    if (smallest.length > 0)
      groups.set(kind, inOrderOf(services, [...(groups.get(kind) ?? []), ...smallest]));
  }
  // A group of one is that one.
  return [...groups].map(([group, members]) =>
    members.length === 1 ? single(members[0]!) : groupNode(group, members),
  );
}

function inOrderOf(all: readonly Service[], some: readonly Service[]): Service[] {
  const wanted = new Set(some);
  return all.filter((service) => wanted.has(service));
}

function groupNode(group: string, members: readonly Service[]): DrawnNode {
  const kind = members[0]!.kind;
  const prefix = [OF_HOST, OF_NETWORK].find((each) => group.startsWith(each));
  const name = prefix === undefined ? null : group.slice(prefix.length);
  return { ...sumFlows([]), id: `others ${group}`, kind, name, members, group };
}

/** A link between two members counts once. */
function withSums(node: DrawnNode, links: readonly Link[], nodeOf: ReadonlyMap<string, string>): DrawnNode {
  const own = links.filter(({ from, to }) => nodeOf.get(from) === node.id || nodeOf.get(to) === node.id);
  return { ...node, ...sumFlows(own) };
}

function drawnLinks(links: readonly Link[], nodeOf: ReadonlyMap<string, string>): Link[] {
  return mergeLinks(
    links.map((link) => {
      const from = nodeOf.get(link.from)!;
      const to = nodeOf.get(link.to)!;
      return from === link.from && to === link.to ? link : { ...link, id: pairKey(from, to), from, to };
    }),
  );
}

/** The services that are drawn alone, for the next folding. */
export function shownAlone({ nodes }: DrawnGraph): Set<string> {
  return new Set(nodes.filter(({ group }) => group === undefined).map(({ id }) => id));
}

/** The part of a graph in which something fails. */
export function failingPart({ services, links }: ServiceGraph): ServiceGraph {
  const failing = links.filter(({ failures }) => failures > 0);
  const ends = new Set(failing.flatMap(({ from, to }) => [from, to]));
  return { services: services.filter(({ id }) => ends.has(id)), links: failing };
}
