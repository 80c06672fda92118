/** Who talks to whom: services as nodes, what flows between them as links. */
import type { VNode } from 'preact';
import { useCallback, useMemo, useRef } from 'preact/hooks';
import { usePageAnswer } from '../../api/use-answer.js';
import { visibleName } from '../../format/name-text.js';
import { formatCount, formatMany } from '../../format/number-text.js';
import { pageRange } from '../../state/page-range.js';
import { changePage, viewParameter } from '../../state/page-state.js';
import { EdgeTable } from './edge-table.js';
import {
  type DrawnGraph,
  type DrawnNode,
  failingPart,
  foldGraph,
  shownAlone,
  type Weight,
} from './fold-graph.js';
import { MapCanvas } from './map-canvas.js';
import { MapPanel } from './map-panel.js';
import { groupings, wordsOf } from './map-words.js';
import { serviceGraph } from './service-graph.js';
import { usePlaces } from './use-places.js';

/** Links between single ports that are asked for; more are asked for only where they fail. */
const MOST_EDGES = 5000;

const weights: readonly (readonly [Weight, string])[] = [
  ['bytes', 'bytes'],
  ['connections', 'connections'],
  ['failures', 'failures'],
];

const byParameter = viewParameter('by', 'process');
const networksParameter = viewParameter('networks');
const weightParameter = viewParameter('order', 'bytes');
const failingParameter = viewParameter('failing');
const openParameter = viewParameter('open');
const selectParameter = viewParameter('select');
const lookParameter = viewParameter('look');

/** Shows it. */
export function MapView(): VNode {
  const by = byParameter.value.value;
  const networks = networksParameter.value.value;
  const weight = weights.find(([name]) => name === weightParameter.value.value)?.[0] ?? 'bytes';
  const onlyFailing = failingParameter.value.value === '1';
  const open = openParameter.value.value;
  const selected = selectParameter.value.value;
  const range = pageRange.value;

  const asked = usePageAnswer('map', {
    ...{ by, networks, limit: MOST_EDGES },
    order: onlyFailing ? 'failures' : weight,
  });
  // What fails may move the fewest bytes.
  const isCut = asked.answer !== undefined && asked.answer.count > asked.answer.edges.length;
  const failing = usePageAnswer(
    'map',
    isCut && !onlyFailing ? { by, networks, limit: MOST_EDGES, order: 'failures' } : undefined,
  );
  const whole = useMemo(() => {
    if (asked.answer === undefined) return undefined;
    const more = isCut && failing.answer !== undefined ? [failing.answer] : [];
    return serviceGraph([asked.answer, ...more]);
  }, [asked.answer, isCut, failing.answer]);
  const shown = useRef<ReadonlySet<string>>(new Set());
  const graph = useMemo(() => {
    if (whole === undefined) return undefined;
    const drawn = foldGraph(onlyFailing ? failingPart(whole) : whole, {
      ...{ weight, open: groupsIn(open), shown: shown.current },
    });
    shown.current = shownAlone(drawn);
    return drawn;
  }, [whole, weight, open, onlyFailing]);
  const { places, layouts, again, move } = usePlaces(graph, `${by} ${networks}`);

  const select = useCallback((id: string) => selectParameter.set(id, { replace: true }), []);
  const lookAt = useCallback((look: string) => lookParameter.set(look, { replace: true }), []);
  const toggle = useCallback((group: string) => {
    const groups = groupsIn(openParameter.value.value);
    const next = groups.includes(group) ? groups.filter((each) => each !== group) : [...groups, group];
    changePage({ parameters: { open: next.length === 0 ? undefined : next.join(','), select: undefined } });
  }, []);
  const openNode = useCallback((node: DrawnNode) => node.group !== undefined && toggle(node.group), []);

  return (
    <div class={`map-view ${asked.problem === undefined ? '' : 'is-old'}`}>
      <div class="map-bar">
        <label>
          Nodes{' '}
          <select value={by} onChange={({ currentTarget }) => changeGrouping({ by: currentTarget.value })}>
            {groupings.map(({ by: value, many }) => (
              <option key={value} value={value}>
                {many}
              </option>
            ))}
            {!groupings.some((each) => each.by === by) && <option value={by}>{visibleName(by)}</option>}
          </select>
        </label>
        <label>
          Width by{' '}
          <select value={weight} onChange={({ currentTarget }) => weightParameter.set(currentTarget.value)}>
            {weights.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label>
          One node for{' '}
          <input
            type="text"
            class="map-networks"
            value={networks}
            placeholder="10.0.0.0/8, peer_group"
            onChange={({ currentTarget }) =>
              changeGrouping({ networks: currentTarget.value.replaceAll(/\s+/g, '') })
            }
          />
        </label>
        <label class="map-check">
          <input
            type="checkbox"
            checked={onlyFailing}
            onChange={({ currentTarget }) => failingParameter.set(currentTarget.checked ? '1' : '')}
          />{' '}
          Only what fails
        </label>
        {groupsIn(open).map((group) => (
          <button
            key={group}
            type="button"
            class="map-chip"
            aria-label={`Close the group ${groupName(group, by)}`}
            onClick={() => toggle(group)}
          >
            {groupName(group, by)} ✕
          </button>
        ))}
        <Legend />
      </div>
      {asked.problem !== undefined && <p class="notice is-bad">{asked.problem.message}</p>}
      {graph !== undefined && graph.nodes.length === 0 && (
        <p class="empty">
          {onlyFailing ? 'No connection failed.' : 'No connection ended or moved anything.'}
        </p>
      )}
      <div class="map-main">
        {graph !== undefined && graph.nodes.length > 0 && places !== undefined && range !== undefined ? (
          <MapCanvas
            {...{ graph, places, layouts, by, weight, range, selected }}
            onSelect={select}
            onOpen={openNode}
            onMove={move}
            onLayout={() => {
              lookParameter.set('', { replace: true });
              again();
            }}
            look={lookParameter.value.value}
            onLook={lookAt}
          />
        ) : (
          (graph === undefined || graph.nodes.length > 0) &&
          asked.problem === undefined && <p class="empty">…</p>
        )}
        {graph !== undefined && <MapPanel {...{ graph, by, selected }} onSelect={select} onToggle={toggle} />}
      </div>
      {graph !== undefined && graph.nodes.length > 0 && (
        <>
          <Notes
            graph={graph}
            services={whole?.services.length ?? 0}
            isCut={isCut}
            count={asked.answer?.count ?? 0}
          />
          <EdgeTable {...{ graph, by, selected }} onSelect={select} />
        </>
      )}
    </div>
  );
}

/** What makes nodes has changed: what was opened and selected is not there any more. */
function changeGrouping(change: { readonly by?: string; readonly networks?: string }): void {
  const parameters = Object.fromEntries(
    Object.entries(change).map(([name, value]) => [name, value === '' ? undefined : value]),
  );
  changePage({ parameters: { ...parameters, open: undefined, select: undefined, look: undefined } });
}

function groupsIn(text: string): string[] {
  return text === '' ? [] : text.split(',');
}

function groupName(group: string, by: string): string {
  if (group.startsWith('address ')) return visibleName(group.slice('address '.length));
  return { group: wordsOf(by).many, address: 'addresses', network: 'networks' }[group] ?? visibleName(group);
}

function Legend(): VNode {
  return (
    <span class="map-legend" aria-hidden="true">
      <svg aria-hidden="true" viewBox="0 0 30 8">
        <path class="map-line" d="M0 4H30" />
      </svg>
      talks to
      <svg aria-hidden="true" viewBox="0 0 30 8" class="is-bad">
        <path class="map-line" d="M0 4H30" />
      </svg>
      fails
      <svg aria-hidden="true" viewBox="0 0 30 8" class="is-faint">
        <path class="map-line" d="M0 4H30" />
      </svg>
      not seen lately
    </span>
  );
}

interface NotesProps {
  readonly graph: DrawnGraph;
  readonly services: number;
  readonly isCut: boolean;
  readonly count: number;
}

function Notes({ graph, services, isCut, count }: NotesProps): VNode {
  const { nodes, links, hiddenLinks } = graph;
  const parts = [
    formatMany(services, 'service'),
    ...(nodes.length < services ? [`drawn as ${formatCount(nodes.length)} nodes`] : []),
    formatMany(links.length, 'link'),
    ...(hiddenLinks > 0 ? [`${formatCount(hiddenLinks)} weaker ones not drawn`] : []),
    ...(isCut
      ? [
          `of ${formatCount(count)} links between ports, the largest ${formatCount(MOST_EDGES)} and those that fail`,
        ]
      : []),
  ];
  return <p class="map-notes muted">{parts.join(' · ')}</p>;
}
