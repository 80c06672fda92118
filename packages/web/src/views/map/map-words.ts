/** What the map says in words, and the filters that it leads to. Pure. */
import { filterTerm, joinFilters } from '../../filter/filter-term.js';
import { shortName, visibleName } from '../../format/name-text.js';
import {
  formatCount,
  formatMany,
  formatMicroseconds,
  formatRate,
  formatRatio,
} from '../../format/number-text.js';
import type { DrawnNode } from './fold-graph.js';
import type { Flow, Link, Service } from './service-graph.js';

/** What nodes can be, and what one and several of them are called. */
export const groupings = [
  { by: 'process', one: 'process', many: 'processes' },
  { by: 'unit', one: 'systemd unit', many: 'systemd units' },
  { by: 'container', one: 'container', many: 'containers' },
  { by: 'pod', one: 'pod', many: 'pods' },
  { by: 'executable', one: 'program', many: 'programs' },
  { by: 'host', one: 'host', many: 'hosts' },
] as const;

/** The words for what a field groups. */
export function wordsOf(by: string): { readonly one: string; readonly many: string } {
  return groupings.find((each) => each.by === by) ?? { one: by, many: by };
}

/** A service's name, whatever is known of it. */
export function serviceName(
  { kind, name, host }: Pick<Service, 'kind' | 'name' | 'host'>,
  by: string,
): string {
  const at = host === undefined || by === 'host' ? '' : ` @ ${host}`;
  if (name === null) return `unknown ${wordsOf(by).one}${at}`;
  return kind === 'group' && name === '' ? `${wordsOf(by).one} without a name${at}` : `${name}${at}`;
}

/** The name of a node, whole and unsafe. */
export function nodeName(node: DrawnNode, by: string): string {
  if (node.group === undefined) return serviceName(node, by);
  const others = { group: wordsOf(by).many, address: 'addresses', network: 'networks' }[node.kind];
  const count = node.members.length;
  return node.name === null ? `${count} other ${others}` : `${node.name} (${count})`;
}

/** What a node is, in words. */
export function kindOf(node: DrawnNode, by: string): string {
  if (node.group !== undefined) return 'group';
  return { group: wordsOf(by).one, address: 'address', network: 'network' }[node.kind];
}

/** Characters of a name of which no more can have room in a node. */
const MOST_CHARACTERS = 34;

/** The label of a node, as much of it as fits. @param fits Whether a text has room */
export function nodeLabel(node: DrawnNode, by: string, fits: (text: string) => boolean): string {
  const name = nodeName(node, by);
  let [least, most] = [3, MOST_CHARACTERS];
  if (fits(shortName(name, most))) return shortName(name, most);
  while (most - least > 1) {
    const middle = (least + most) >> 1;
    if (fits(shortName(name, middle))) least = middle;
    else most = middle;
  }
  return shortName(name, least);
}

/** The line below the label. */
export function nodeFigures(flow: Flow): string {
  return flow.failures > 0 ? `${formatCount(flow.failures)} failed` : formatRate(flow.rate);
}

/** The figures of a flow in a sentence's part. */
export function flowWords(flow: Flow): string {
  const { connections, failures, rate, segments_sent: segments, retransmits } = flow;
  const parts = [formatMany(connections, 'connection')];
  if (failures > 0) parts.push(`${formatCount(failures)} failed`);
  parts.push(formatRate(rate));
  if (retransmits > 0 && segments > 0) parts.push(`${formatRatio(retransmits / segments)} retransmitted`);
  return parts.join(', ');
}

/** A node in a sentence, which begins with what is seen of it, for those who speak to their computer. */
export function nodeSentence(node: DrawnNode, by: string, label: string): string {
  const name = shortName(nodeName(node, by));
  const whole = label === name ? '' : `, ${name}`;
  const more = node.group === undefined ? '' : ', opens';
  return `${label} ${nodeFigures(node)}${whole}, ${kindOf(node, by)}${more}: ${flowWords(node)}`;
}

/** A link in a sentence for a screen reader. */
export function linkSentence(link: Link, nameOf: (id: string) => string): string {
  const latencies = [
    ...(link.handshakeUs === undefined ? [] : [`handshake ${formatMicroseconds(link.handshakeUs)}`]),
    ...(link.srttUs === undefined ? [] : [`round trip ${formatMicroseconds(link.srttUs)}`]),
  ];
  const ends = `${shortName(nameOf(link.from))} to ${shortName(nameOf(link.to))}, ${portsText(link.ports)}`;
  return [`${ends}: ${flowWords(link)}`, ...latencies].join(', ');
}

/** Ports, the first few of them. */
export function portsText(ports: readonly number[]): string {
  const shown = ports.slice(0, 3).join(', ');
  const word = ports.length === 1 ? 'port' : 'ports';
  return ports.length > 3 ? `${word} ${shown} and ${ports.length - 3} more` : `${word} ${shown}`;
}

/** Names with which a filter still has a length that the server accepts. */
const MOST_NAMES = 20;
/** Ports that a filter names. */
const MOST_PORTS = 50;

/** The filter for connections of a node; undefined where the language cannot say it. */
export function nodeFilter(node: DrawnNode, by: string): string | undefined {
  if (node.group !== undefined && node.kind === 'address' && node.name !== null) return `peer=${node.name}`;
  return anyOf(node.members, by);
}

function anyOf(services: readonly Service[], by: string): string | undefined {
  if (services.length > MOST_NAMES) return undefined;
  const terms = services.map((service) => serviceFilter(service, by));
  if (terms.length === 0 || terms.includes(undefined)) return undefined;
  return terms.length === 1 ? terms[0] : terms.map((term) => `(${term})`).join(' or ');
}

function serviceFilter({ kind, name, host }: Service, by: string): string | undefined {
  // The language has no empty values.
  if (name === '') return undefined;
  if (kind === 'group') {
    const term = filterTerm(by, name);
    const at = by === 'host' || host === undefined ? undefined : filterTerm('host', host);
    return term === undefined || at === undefined ? term : joinFilters(term, at);
  }
  // A network has its prefix as its name, a group of networks one of its own.
  return filterTerm(
    kind === 'network' && name !== null && !/^[\da-f.:]+\/\d+$/.test(name) ? 'peer_group' : 'peer',
    name,
  );
}

/** The filter for connections of a link: those of the side that is a group here. */
export function linkFilter(link: Link, from: DrawnNode, to: DrawnNode, by: string): string | undefined {
  const ports = link.ports.length > MOST_PORTS ? '' : link.ports.join(',');
  const port = (field: string) => (ports === '' ? '' : `${field}=${ports}`);
  const first = nodeFilter(from, by);
  const second = nodeFilter(to, by);
  if (from.kind !== 'group') {
    // It is recorded where it was accepted.
    return first === undefined || second === undefined
      ? undefined
      : joinFilters(second, first, port('lport'));
  }
  if (to.kind === 'group') return first === undefined ? undefined : joinFilters(first, port('pport'));
  return first === undefined || second === undefined ? undefined : joinFilters(first, second, port('pport'));
}

/** A name for a title, where nothing can be marked up. */
export function plainName(node: DrawnNode, by: string): string {
  return visibleName(nodeName(node, by));
}
