/** What is known of the node or link that is selected, and where more of it is. */
import type { ComponentChildren, VNode } from 'preact';
import type { Group } from '../../api/api-types.js';
import { useAnswer } from '../../api/use-answer.js';
import { joinFilters } from '../../filter/filter-term.js';
import { errnoText } from '../../format/errno-text.js';
import { formatBytes, formatCount, formatMicroseconds, formatRate } from '../../format/number-text.js';
import { formatTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { NumberHeading } from '../../parts/number-heading.js';
import { pageRange } from '../../state/page-range.js';
import { currentFilter, linkTo } from '../../state/page-state.js';
import type { DrawnGraph, DrawnNode } from './fold-graph.js';
import { figuresOf } from './map-tip.js';
import { kindOf, linkFilter, nodeFilter, nodeName, portsText, serviceName } from './map-words.js';
import type { Flow, Link } from './service-graph.js';

/** What the panel is about. */
export interface MapPanelProps {
  readonly graph: DrawnGraph;
  readonly by: string;
  readonly selected: string;
  readonly onSelect: (id: string) => void;
  /** Opens a group, or closes it. */
  readonly onToggle: (group: string) => void;
}

/** Rows of lists: more would be a table, which there is. */
const MOST_ROWS = 40;

/** Shows it; nothing where nothing is selected that is drawn. */
export function MapPanel(props: MapPanelProps): VNode | null {
  const { graph, selected } = props;
  const node = graph.nodes.find(({ id }) => id === selected);
  if (node !== undefined) return <NodePanel {...props} node={node} />;
  const link = graph.links.find(({ id }) => id === selected);
  return link === undefined ? null : <LinkPanel {...props} link={link} />;
}

function NodePanel({
  graph,
  by,
  node,
  onSelect,
  onToggle,
}: MapPanelProps & { readonly node: DrawnNode }): VNode {
  const filter = nodeFilter(node, by);
  const own = graph.links.filter(({ from, to }) => from === node.id || to === node.id);
  const names = new Map(graph.nodes.map((each) => [each.id, nodeName(each, by)]));
  const { group, members } = node;
  return (
    <Frame title={nodeName(node, by)} kind={kindOf(node, by)} onClose={() => onSelect('')}>
      <Actions filter={filter} />
      <FlowFigures flow={node} />
      <Errors filter={filter} flow={node} />
      <Neighbours
        title="Connects to"
        links={own.filter(({ from }) => from === node.id)}
        {...{ names, onSelect }}
        end="to"
      />
      <Neighbours
        title="Is called by"
        links={own.filter(({ to }) => to === node.id)}
        {...{ names, onSelect }}
        end="from"
      />
      {group !== undefined && (
        <section>
          <h3>
            Has {formatCount(members.length)} members{' '}
            <button type="button" onClick={() => onToggle(group)}>
              Open
            </button>
          </h3>
          <ul class="map-list">
            {members.slice(0, MOST_ROWS).map((member) => (
              <li key={member.id}>
                <Name name={serviceName(member, by)} />
                <FlowNote flow={member} />
              </li>
            ))}
          </ul>
          {members.length > MOST_ROWS && (
            <p class="muted">and {formatCount(members.length - MOST_ROWS)} more</p>
          )}
        </section>
      )}
    </Frame>
  );
}

function LinkPanel({ graph, by, link, onSelect }: MapPanelProps & { readonly link: Link }): VNode {
  const from = graph.nodes.find(({ id }) => id === link.from)!;
  const to = graph.nodes.find(({ id }) => id === link.to)!;
  const filter = linkFilter(link, from, to, by);
  return (
    <Frame
      title={`${nodeName(from, by)} → ${nodeName(to, by)}`}
      kind={portsText(link.ports)}
      onClose={() => onSelect('')}
    >
      <Actions filter={filter} />
      <FlowFigures flow={link} link={link} />
      <Errors filter={filter} flow={link} />
      <p class="muted">Last seen {formatTime(link.last)}</p>
      <ul class="map-list">
        {[from, to].map((node, index) => (
          <li key={node.id}>
            <button type="button" class="map-jump" onClick={() => onSelect(node.id)}>
              <Name name={nodeName(node, by)} />
            </button>
            <span class="muted">{index === 0 ? 'connects' : 'accepts'}</span>
          </li>
        ))}
      </ul>
    </Frame>
  );
}

interface FrameProps {
  readonly title: string;
  readonly kind: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

function Frame({ title, kind, onClose, children }: FrameProps): VNode {
  return (
    <aside class="map-panel" aria-label="Selection">
      <header>
        <div>
          <h2>
            <Name name={title} />
          </h2>
          <p class="muted">{kind}</p>
        </div>
        <button type="button" class="quiet" aria-label="Close" title="Close  Esc" onClick={onClose}>
          ✕
        </button>
      </header>
      {children}
    </aside>
  );
}

function Actions({ filter }: { readonly filter: string | undefined }): VNode | null {
  if (filter === undefined) return null;
  const narrowed = joinFilters(currentFilter.value, filter);
  return (
    <p class="map-actions">
      <a href={linkTo({ view: 'table', filter: narrowed })}>Connections</a>
      <a href={linkTo({ view: 'failures', filter: narrowed })}>Failures</a>
      <a href={linkTo({ filter: narrowed, parameters: { select: undefined } })}>Only this</a>
    </p>
  );
}

function FlowFigures({ flow, link }: { readonly flow: Flow; readonly link?: Link }): VNode {
  const figures = [
    ...figuresOf(flow, link),
    ['Sent', formatBytes(flow.bytes_sent)] as const,
    ['Received', formatBytes(flow.bytes_received)] as const,
  ];
  return (
    <dl>
      {figures.map(([name, value]) => (
        <div key={name} class={`map-figure ${name === 'Failed' && flow.failures > 0 ? 'is-bad' : ''}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Failures by errno, and percentiles of the connections that did not fail. */
function Errors({
  filter,
  flow,
}: {
  readonly filter: string | undefined;
  readonly flow: Flow;
}): VNode | null {
  const range = pageRange.value?.text;
  const wanted =
    filter === undefined || range === undefined ? undefined : joinFilters(currentFilter.value, filter);
  const parameters =
    wanted === undefined
      ? undefined
      : { range, filter: wanted, by: 'error', order: 'failures', limit: 10, percentiles: '0.5,0.95' };
  const { answer, problem } = useAnswer('groups', parameters);
  if (problem !== undefined) return <p class="notice is-bad">{problem.message}</p>;
  if (answer === undefined) return null;
  const failed = answer.groups.filter(({ failures }) => failures > 0);
  return (
    <>
      {flow.failures > 0 && failed.length > 0 && (
        <section>
          <h3>Failures</h3>
          <ul class="map-list">
            {failed.map(({ key: { error }, failures }) => (
              <li key={String(error)} class="is-bad">
                <span>
                  {error ?? 'not known'}{' '}
                  <span class="muted">{typeof error === 'string' ? errnoText(error) : ''}</span>
                </span>
                <span>{formatCount(failures)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Latencies group={answer.groups.find(({ key }) => key.error === null)} />
    </>
  );
}

function Latencies({ group }: { readonly group: Group | undefined }): VNode | null {
  const rows = [
    ['Handshake', group?.percentiles?.handshake_us],
    ['Round trip', group?.percentiles?.srtt_us],
    ['Duration', group?.percentiles?.duration_us],
  ] as const;
  const known = rows.filter(([, values]) => typeof values?.[0] === 'number');
  if (known.length === 0) return null;
  return (
    <table class="rank" aria-label="Latencies">
      <thead>
        <tr>
          <th scope="col">Latency</th>
          <NumberHeading>p50</NumberHeading>
          <NumberHeading>p95</NumberHeading>
        </tr>
      </thead>
      <tbody>
        {known.map(([name, values]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {[0, 1].map((index) => (
              <td key={index} class="is-number">
                {formatMicroseconds(values?.[index] ?? undefined)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface NeighboursProps {
  readonly title: string;
  readonly links: readonly Link[];
  readonly names: ReadonlyMap<string, string>;
  readonly end: 'from' | 'to';
  readonly onSelect: (id: string) => void;
}

function Neighbours({ title, links, names, end, onSelect }: NeighboursProps): VNode | null {
  if (links.length === 0) return null;
  const sorted = [...links].sort(
    (a, b) => b.failures - a.failures || b.rate - a.rate || b.connections - a.connections,
  );
  return (
    <section>
      <h3>{title}</h3>
      <ul class="map-list">
        {sorted.slice(0, MOST_ROWS).map((link) => (
          <li key={link.id}>
            <button type="button" class="map-jump" onClick={() => onSelect(link.id)}>
              <Name name={names.get(link[end])} />
              <span class="muted">:{link.ports.slice(0, 2).join(',')}</span>
            </button>
            <FlowNote flow={link} />
          </li>
        ))}
      </ul>
      {links.length > MOST_ROWS && <p class="muted">and {formatCount(links.length - MOST_ROWS)} more</p>}
    </section>
  );
}

function FlowNote({ flow }: { readonly flow: Flow }): VNode {
  return flow.failures > 0 ? (
    <span class="is-bad">{formatCount(flow.failures)} failed</span>
  ) : (
    <span class="muted">{formatRate(flow.rate)}</span>
  );
}
