/** The links of the map as a table: for screen readers, and for narrow windows. */
import { useComputed, useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import {
  formatCount,
  formatMicroseconds,
  formatRate,
  formatRatio,
  UNKNOWN,
} from '../../format/number-text.js';
import { formatTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { NumberHeading } from '../../parts/number-heading.js';
import type { DrawnGraph } from './fold-graph.js';
import { nodeName } from './map-words.js';
import type { Link } from './service-graph.js';

/** What the table shows. */
export interface EdgeTableProps {
  readonly graph: DrawnGraph;
  readonly by: string;
  readonly selected: string;
  readonly onSelect: (id: string) => void;
}

const NARROW = '(max-width: 640px)';

/** The table. In a narrow window it is open. */
export function EdgeTable({ graph, by, selected, onSelect }: EdgeTableProps): VNode {
  const isNarrow = useSignal(matchMedia(NARROW).matches);
  const choice = useSignal<boolean | undefined>(undefined);
  const isOpen = useComputed(() => choice.value ?? isNarrow.value);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const change = () => {
      isNarrow.value = query.matches;
    };
    query.addEventListener('change', change);
    return () => query.removeEventListener('change', change);
  }, []);
  const names = new Map(graph.nodes.map((node) => [node.id, nodeName(node, by)]));
  const rows = [...graph.links].sort(byTrouble);
  return (
    <details
      class="map-table"
      open={isOpen.value}
      onToggle={({ currentTarget }) => {
        choice.value = currentTarget.open;
      }}
    >
      <summary>Links as a table ({formatCount(rows.length)})</summary>
      {isOpen.value && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label="Links of the map">
          <table class="rank">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <NumberHeading isMinor>Port</NumberHeading>
                <NumberHeading>Rate</NumberHeading>
                <NumberHeading isMinor>Connections</NumberHeading>
                <NumberHeading>Failed</NumberHeading>
                <NumberHeading isMinor>Retransmitted</NumberHeading>
                <NumberHeading>RTT</NumberHeading>
                <NumberHeading isMinor>Last seen</NumberHeading>
              </tr>
            </thead>
            <tbody>
              {rows.map((link) => (
                <tr key={link.id} aria-selected={link.id === selected}>
                  <th scope="row">
                    <button type="button" class="map-jump" onClick={() => onSelect(link.id)}>
                      <Name name={names.get(link.from)} />
                    </button>
                  </th>
                  <td>
                    <Name name={names.get(link.to)} />
                  </td>
                  <td class="is-number is-minor">{portsOf(link)}</td>
                  <td class="is-number">{formatRate(link.rate)}</td>
                  <td class="is-number is-minor">{formatCount(link.connections)}</td>
                  <td class={`is-number ${link.failures > 0 ? 'is-bad' : 'is-zero'}`}>
                    {formatCount(link.failures)}
                  </td>
                  <td class="is-number is-minor">{retransmitted(link)}</td>
                  <td class="is-number">{formatMicroseconds(link.srttUs)}</td>
                  <td class="is-number is-minor">{formatTime(link.last)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}

/** What fails comes first. */
function byTrouble(a: Link, b: Link): number {
  return b.failures - a.failures || b.rate - a.rate || b.connections - a.connections;
}

function portsOf({ ports }: Link): string {
  return ports.length > 3 ? `${ports.slice(0, 3).join(', ')}, …` : ports.join(', ');
}

function retransmitted({ segments_sent: segments, retransmits }: Link): string {
  return segments === 0 ? UNKNOWN : formatRatio(retransmits / segments);
}
