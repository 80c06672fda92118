/** Connections that ended shortly before and after another one. */
import type { VNode } from 'preact';
import { useAnswer } from '../../api/use-answer.js';
import { formatBytes, formatSeconds } from '../../format/number-text.js';
import { apiTime, formatClock, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { linkTo } from '../../state/page-state.js';
import { RankTable } from '../../table/rank-table.js';
import { rangeBetween } from '../../time/range-text.js';
import { type AnyConnection, endText, outcomeOf } from './connection-words.js';

/** Whose neighbours are shown. */
export interface NeighboursProps {
  readonly title: string;
  /** The filter that they meet. */
  readonly filter: string;
  readonly own: AnyConnection;
  /** Whether they have the process in common, and so differ in the peer. */
  readonly isSameProcess: boolean;
}

const EACH = 6;
/** How far away a neighbour may be, milliseconds. */
const REACH_MS = 3_600_000;

/** Shows them, the newest first. */
export function Neighbours({ title, filter, own, isSameProcess }: NeighboursProps): VNode {
  const at = parseApiTime(own.time);
  // One of the same millisecond is after it.
  const moment = Math.floor(at);
  const before = useAnswer('connections', {
    ...{ range: rangeBetween(moment - REACH_MS, moment), filter, order: 'newest', limit: EACH },
  });
  const after = useAnswer('connections', {
    ...{
      range: `${apiTime(moment)}..${apiTime(moment + REACH_MS)}`,
      filter,
      order: 'oldest',
      limit: EACH + 1,
    },
  });
  const rows = [
    ...[...(after.answer?.connections ?? [])].reverse(),
    ...(before.answer?.connections ?? []),
  ].filter(({ flow_id, time }) => flow_id !== own.flow_id || time !== own.time);
  const range = rangeBetween(moment - REACH_MS, moment + REACH_MS);
  return (
    <Panel
      title={title}
      asked={before.problem === undefined ? after : before}
      aside={<a href={linkTo({ view: 'table', filter, range, parameters: { id: undefined } })}>All</a>}
    >
      {rows.length === 0 ? (
        <p class="empty">There is none within an hour.</p>
      ) : (
        <RankTable
          label={title}
          rows={rows}
          keyOf={({ flow_id, time, local }) => `${flow_id} ${time} ${local.port}`}
          linkOf={({ flow_id }) =>
            flow_id === undefined ? undefined : linkTo({ view: 'connection', parameters: { id: flow_id } })
          }
          columns={[
            { title: 'Ended', show: ({ time }) => <time>{whenText(parseApiTime(time), at)}</time> },
            {
              title: isSameProcess ? 'Peer' : 'Process',
              show: ({ peer, process }) =>
                isSameProcess ? (
                  <>
                    {peer.name !== undefined && <Name name={peer.name} />} {endText(peer)}
                  </>
                ) : (
                  <Name name={process?.comm} />
                ),
            },
            {
              title: 'Bytes',
              isNumber: true,
              isMinor: true,
              show: ({ bytes_sent = 0, bytes_received = 0 }) => formatBytes(bytes_sent + bytes_received),
            },
            {
              title: 'Outcome',
              show: (row) => outcomeOf(row).text,
              class: (row) => (outcomeOf(row).isBad ? 'is-bad' : ''),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function whenText(ms: number, at: number): string {
  const seconds = (ms - at) / 1000;
  const distance = formatSeconds(Math.abs(seconds));
  return `${formatClock(ms)} (${seconds < 0 ? '−' : '+'}${distance})`;
}
