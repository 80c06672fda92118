/** Parts of the overview: errors, peers, processes, what is new, losses. */
import type { VNode } from 'preact';
import type { CompareAnswer, Coverage, Group, GroupsAnswer, Measures } from '../../api/api-types.js';
import { type Asked, usePageAnswer } from '../../api/use-answer.js';
import { type Span, spansOf } from '../../chart/steps.js';
import { joinFilters, narrowFilter } from '../../filter/filter-term.js';
import { errnoText } from '../../format/errno-text.js';
import {
  formatBytes,
  formatCount,
  formatMicroseconds,
  formatRatio,
  formatSeconds,
  formatShort,
} from '../../format/number-text.js';
import { formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { currentFilter, linkTo } from '../../state/page-state.js';
import { RankTable } from '../../table/rank-table.js';

const MOST_ROWS = 8;
const keyText = ({ key }: { readonly key: Group['key'] }) => JSON.stringify(Object.values(key));

function tableOf(key: Group['key']): string {
  return linkTo({ view: 'table', filter: narrowFilter(currentFilter.value, key) });
}

/** Failures by errno. */
export function ErrorsPanel({
  asked,
  total,
}: {
  readonly asked: Asked<GroupsAnswer>;
  readonly total: Measures;
}): VNode {
  const rows = (asked.answer?.groups ?? []).filter(({ failures }) => failures > 0).slice(0, MOST_ROWS);
  const most = rows[0]?.failures ?? 1;
  return (
    <Panel title="Failures" asked={asked} aside={<a href={linkTo({ view: 'failures' })}>All failures</a>}>
      {rows.length === 0 ? (
        <p class="empty">No connection failed.</p>
      ) : (
        <RankTable
          label="Failures by error"
          rows={rows}
          keyOf={keyText}
          linkOf={({ key }) =>
            linkTo({
              view: 'failures',
              filter: joinFilters(narrowFilter(currentFilter.value, key), 'event=fail'),
            })
          }
          columns={[
            {
              title: 'Error',
              show: ({ key: { error } }) => (
                <>
                  <Name name={error ?? 'not known'} />{' '}
                  <span class="muted">{typeof error === 'string' ? errnoText(error) : ''}</span>
                </>
              ),
            },
            {
              title: 'Failed',
              isNumber: true,
              show: ({ failures }) => formatCount(failures),
              bar: ({ failures }) => failures / most,
              class: () => 'is-bad',
            },
            {
              title: 'Share',
              isNumber: true,
              isMinor: true,
              show: ({ failures }) => formatRatio(failures / Math.max(1, total.connections)),
            },
          ]}
        />
      )}
    </Panel>
  );
}

/** Peers with the slowest handshakes. */
export function PeersPanel(): VNode {
  const asked = usePageAnswer('groups', {
    ...{ by: 'peer_name,port', order: 'handshake_us', limit: MOST_ROWS },
    percentiles: '0.5,0.95',
  });
  const rows = (asked.answer?.groups ?? []).filter(({ handshake_us }) => handshake_us !== undefined);
  const tail = ({ percentiles }: Group) => percentiles?.handshake_us[1] ?? undefined;
  const most = Math.max(1, ...rows.map((row) => tail(row) ?? 0));
  return (
    <Panel title="Slowest peers" asked={asked}>
      {rows.length === 0 ? (
        <p class="empty">No handshake was seen from this host.</p>
      ) : (
        <RankTable
          label="Peers with the slowest handshakes"
          rows={rows}
          keyOf={keyText}
          linkOf={({ key }) => tableOf(key)}
          columns={[
            {
              title: 'Peer',
              show: ({ key }) => (
                <>
                  <Name name={key.peer_name} />
                  <span class="muted">:{key.port}</span>
                </>
              ),
            },
            {
              title: 'Handshake p50',
              isNumber: true,
              isMinor: true,
              show: ({ percentiles }) => formatMicroseconds(percentiles?.handshake_us[0] ?? undefined),
            },
            {
              title: 'p95',
              isNumber: true,
              show: (row) => formatMicroseconds(tail(row)),
              bar: (row) => (tail(row) ?? 0) / most,
            },
            { title: 'RTT', isNumber: true, show: ({ srtt_us }) => formatMicroseconds(srtt_us) },
            {
              title: 'Conns',
              isNumber: true,
              isMinor: true,
              show: ({ connections }) => formatShort(connections),
            },
          ]}
        />
      )}
    </Panel>
  );
}

/** What is grouped in a panel of the largest. */
export interface LargestPanelProps {
  readonly title: string;
  /** The field. */
  readonly by: string;
  /** What a group is called. */
  readonly column: string;
}

/** Groups with the most bytes. */
export function LargestPanel({ title, by, column }: LargestPanelProps): VNode {
  const asked = usePageAnswer('groups', { by, order: 'bytes', limit: MOST_ROWS });
  const rows = asked.answer?.groups ?? [];
  const bytes = ({ bytes_sent, bytes_received }: Measures) => bytes_sent + bytes_received;
  const most = Math.max(1, ...rows.map(bytes));
  return (
    <Panel
      title={title}
      asked={asked}
      aside={<a href={linkTo({ view: 'table', parameters: { by } })}>All</a>}
    >
      {rows.length === 0 ? (
        <p class="empty">Nothing was moved.</p>
      ) : (
        <RankTable
          label={`${title}, by bytes`}
          rows={rows}
          keyOf={keyText}
          linkOf={({ key }) => tableOf(key)}
          columns={[
            { title: column, show: ({ key }) => <Name name={key[by]} /> },
            { title: 'Sent', isNumber: true, isMinor: true, show: (row) => formatBytes(row.bytes_sent) },
            {
              title: 'Received',
              isNumber: true,
              isMinor: true,
              show: (row) => formatBytes(row.bytes_received),
            },
            {
              title: 'Bytes',
              isNumber: true,
              show: (row) => formatBytes(bytes(row)),
              bar: (row) => bytes(row) / most,
            },
            { title: 'Conns', isNumber: true, show: ({ connections }) => formatShort(connections) },
            {
              title: 'Failed',
              isNumber: true,
              show: ({ failures }) => formatShort(failures),
              class: ({ failures }) => (failures > 0 ? 'is-bad' : 'is-zero'),
            },
          ]}
        />
      )}
    </Panel>
  );
}

/** What was not there a day before. */
export function NewPanel({ asked }: { readonly asked: Asked<CompareAnswer> }): VNode {
  const { answer } = asked;
  const wasRecorded = answer !== undefined && isAnyRecorded(answer.against);
  const rows = (answer?.differences ?? [])
    .filter(({ changes }) => changes.includes('new'))
    .slice(0, MOST_ROWS);
  return (
    <Panel
      title="New since yesterday"
      asked={asked}
      aside={<a href={linkTo({ view: 'compare' })}>Compare</a>}
    >
      {!wasRecorded ? (
        <p class="empty">Nothing was recorded at this time yesterday.</p>
      ) : rows.length === 0 ? (
        <p class="empty">No process talks to a peer that it did not talk to yesterday.</p>
      ) : (
        <RankTable
          label="Pairs of process and peer that are new"
          rows={rows}
          keyOf={keyText}
          linkOf={({ key }) => tableOf(key)}
          columns={[
            { title: 'Process', show: ({ key }) => <Name name={key.process} /> },
            { title: 'Peer', show: ({ key }) => <Name name={key.peer} /> },
            { title: 'Conns', isNumber: true, show: ({ now }) => formatShort(now?.connections) },
            {
              title: 'Bytes',
              isNumber: true,
              show: ({ now }) =>
                formatBytes(now === undefined ? undefined : now.bytes_sent + now.bytes_received),
            },
          ]}
        />
      )}
    </Panel>
  );
}

function isAnyRecorded({ range, unrecorded }: Coverage): boolean {
  return !unrecorded.some(({ from, to }) => from === range.from && to === range.to);
}

const places: Readonly<Record<string, string>> = {
  ring: 'kernel buffer full',
  map: 'kernel table full',
  probe: 'missed by a hook',
  udp: 'UDP flows',
  missed: 'missed',
  collector: 'no collector ran',
  history: 'not stored',
};

/** What was lost, and when nothing was recorded. */
export function LossesPanel({
  range,
  coverage: { losses, unrecorded },
}: {
  readonly range: Span;
  readonly coverage: Coverage;
}): VNode {
  const rows = [
    ...losses.map(({ since, time, count, where, detail }) => ({
      from: parseApiTime(since ?? time),
      to: parseApiTime(time),
      count: count === undefined ? 'not known' : formatCount(count),
      what: places[where] ?? where,
      detail,
    })),
    ...spansOf(unrecorded).map(({ from, to }) => ({
      ...{ from, to, count: '' },
      what: to >= range.to && to - from < 120_000 && from > range.from ? 'not in yet' : 'not recorded',
      detail: undefined,
    })),
  ]
    .sort((a, b) => b.to - a.to)
    .slice(0, MOST_ROWS);
  return (
    <Panel title="Losses">
      {rows.length === 0 ? (
        <p class="empty">Nothing was lost.</p>
      ) : (
        <RankTable
          label="Losses"
          rows={rows}
          keyOf={({ from, to, what }) => `${from} ${to} ${what}`}
          columns={[
            { title: 'Since', show: ({ from }) => <time>{formatTime(from)}</time> },
            { title: 'For', isNumber: true, show: ({ from, to }) => formatSeconds((to - from) / 1000) },
            {
              title: 'What',
              show: ({ what, detail }) => (
                <span title={detail}>
                  <Name name={what} />
                </span>
              ),
            },
            { title: 'Events', isNumber: true, show: ({ count }) => count },
          ]}
        />
      )}
    </Panel>
  );
}
