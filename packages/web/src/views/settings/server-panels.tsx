/** The server, its collectors, its history, and its hosts. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { HostsAnswer, ServerAnswer, StatusAnswer } from '../../api/api-types.js';
import { serverAnswers } from '../../api/server-state.js';
import type { Asked } from '../../api/use-answer.js';
import { formatBytes, formatCount, formatRatio, formatSeconds, UNKNOWN } from '../../format/number-text.js';
import { formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { pageRange } from '../../state/page-range.js';
import { linkTo } from '../../state/page-state.js';
import { RankTable } from '../../table/rank-table.js';
import { lossesByPlace, placeText } from './losses-by-place.js';
import { SettingsList } from './settings-list.js';

/** More seconds behind are worth a colour: rows come once a second or so. */
const MOST_BEHIND = 90;

interface ServerProps {
  readonly server: Asked<ServerAnswer>;
}

/** Whether it works. */
export function HealthPanel({
  server,
  status,
}: ServerProps & { readonly status: Asked<StatusAnswer> }): VNode {
  const { answer } = status;
  const { listen = [], limits, collectors = [] } = server.answer ?? {};
  const watermark = answer?.watermark === undefined ? undefined : parseApiTime(answer.watermark);
  const behind = watermark === undefined ? undefined : Math.max(0, (Date.now() - watermark) / 1000);
  const versions = [...new Set(collectors.map(({ version }) => version))].join(', ');
  return (
    <Panel title="Weir" asked={status}>
      <SettingsList
        list={[
          {
            name: 'Server',
            value: serverAnswers.value ? `answers, version ${answer?.version}` : 'does not answer',
            isBad: !serverAnswers.value,
          },
          answer?.reading === undefined
            ? {
                name: 'Collectors',
                value:
                  answer?.collectors === 0
                    ? 'none: nothing is recorded now'
                    : `${answer?.collectors}${versions === '' ? '' : `, version ${versions}`}`,
                isBad: answer?.collectors === 0,
              }
            : {
                name: 'Reads',
                value: `${answer.reading.target}${answer.reading.problem === undefined ? '' : `: ${answer.reading.problem}`}`,
                isBad: answer.reading.state === 'failing',
              },
          {
            name: 'Up to date',
            value: behind === undefined ? UNKNOWN : `up to ${formatSeconds(behind)} ago`,
            // Hours come to a database of many hosts once they are full.
            isBad: behind !== undefined && behind > MOST_BEHIND && answer?.reading === undefined,
          },
          ...(answer?.reading === undefined
            ? [
                {
                  name: 'Disk',
                  value:
                    answer?.read_only === true ? 'can only be read: nothing is stored' : 'can be written',
                  isBad: answer?.read_only === true,
                },
              ]
            : []),
          { name: 'Listens at', value: listen.length === 0 ? UNKNOWN : listen.join(', ') },
          ...(limits === undefined
            ? []
            : [
                {
                  name: 'A question',
                  value: `at most ${formatCount(limits.rows)} rows and ${formatSeconds(limits.seconds)}; ${limits.queries} at a time, ${limits.waiting} wait`,
                },
              ]),
        ]}
      />
    </Panel>
  );
}

/** What is kept, and for how long. */
export function StoragePanel({ server }: ServerProps): VNode {
  const { retention, history, record } = server.answer ?? {};
  const used = history === undefined ? undefined : history.segment_bytes + history.database_bytes;
  const part = used === undefined || retention === undefined ? undefined : used / retention.bytes;
  return (
    <Panel title="What is kept" asked={server}>
      {retention !== undefined && record !== undefined && (
        <SettingsList
          list={[
            {
              name: 'Kept',
              value: `${formatSeconds(retention.seconds)}, or ${formatBytes(retention.bytes)}`,
            },
            {
              name: 'Used',
              value: (
                <>
                  {formatBytes(used)}, {formatRatio(part)}
                  <meter min={0} max={1} value={Math.min(1, part ?? 0)} aria-label="Used of what may be" />
                </>
              ),
            },
            {
              name: 'Free on the disk',
              value: formatBytes(history?.free_bytes),
              // The oldest hours go where there is less room than that.
              isBad: history !== undefined && history.free_bytes < retention.bytes - (used ?? 0),
            },
            {
              name: 'Begins',
              value: history?.begins === undefined ? UNKNOWN : formatTime(parseApiTime(history.begins)),
            },
            { name: 'Hours on disk', value: `${formatCount(history?.segments)} files` },
            { name: 'Recorded', value: <Name name={record.filter ?? 'every connection'} /> },
            { name: 'UDP', value: record.udp ? 'yes' : 'no' },
            { name: 'Programs and containers', value: record.enrichment ? 'yes' : 'no' },
            { name: 'Names of peers', value: record.names ? 'by reverse DNS' : 'no' },
            { name: 'Open connections', value: `up to ${formatCount(record.max_connections)} are followed` },
          ]}
        />
      )}
      <p class="muted">
        The configuration file of <code>weir serve</code>, or its flags, change this.
      </p>
    </Panel>
  );
}

/** What the collectors hear of, and what not. */
export function HooksPanel({ server }: ServerProps): VNode {
  const collectors = server.answer?.collectors ?? [];
  const hooks = collectors.flatMap((collector, index) =>
    (collector.hooks ?? []).map((hook) => ({ ...hook, id: `${index} ${hook.purpose}` })),
  );
  const problems = collectors.flatMap((collector) => collector.problems ?? []);
  return (
    <Panel title="Hooks in use, and what they cannot see" asked={server} class="settings-wide">
      {problems.map((problem) => (
        <p key={problem} class="notice is-bad">
          <Name name={problem} />
        </p>
      ))}
      {hooks.length === 0 ? (
        <p class="empty">No collector says which hooks it has.</p>
      ) : (
        <RankTable
          label="Hooks"
          rows={hooks}
          keyOf={({ id }) => id}
          columns={[
            { title: 'For', show: ({ purpose }) => purpose },
            { title: 'Hook', show: ({ hook }) => <code>{hook ?? 'none'}</code> },
            {
              title: 'Cannot see',
              show: ({ blind }) =>
                blind.length === 0 ? 'nothing known' : blind.map((each) => <p key={each}>{each}</p>),
            },
          ]}
        />
      )}
    </Panel>
  );
}

/** What is missing in the range. */
export function LossesPanel(): VNode {
  const range = pageRange.value;
  const losses = range?.coverage.losses;
  const rows = useMemo(() => lossesByPlace(losses ?? []), [losses]);
  return (
    <Panel title="Lost in the range above" aside={<a href={linkTo({ view: 'overview' })}>When</a>}>
      {rows.length === 0 ? (
        <p class="empty">Nothing was lost.</p>
      ) : (
        <RankTable
          label="Losses by place"
          rows={rows}
          keyOf={({ place }) => place}
          columns={[
            {
              title: 'Where',
              show: ({ place }) => (
                <>
                  <Name name={place} />
                  <p class="muted">{placeText(place)}</p>
                </>
              ),
            },
            { title: 'Times', isNumber: true, show: ({ spans }) => formatCount(spans) },
            { title: 'Events', isNumber: true, show: ({ events }) => formatCount(events) },
            { title: 'Last', isNumber: true, show: ({ last }) => <time>{formatTime(last)}</time> },
          ]}
        />
      )}
    </Panel>
  );
}

/** Hosts and their boots. */
export function HostsPanel({ hosts }: { readonly hosts: Asked<HostsAnswer> }): VNode {
  const rows = hosts.answer?.hosts ?? [];
  return (
    <Panel title="Hosts and boots" asked={hosts}>
      <RankTable
        label="Hosts"
        rows={rows}
        keyOf={({ id, boot_id: boot }) => `${id} ${boot}`}
        columns={[
          { title: 'Host', show: ({ name }) => <Name name={name} /> },
          { title: 'Kernel', show: ({ kernel }) => <Name name={kernel} /> },
          {
            title: 'First seen',
            isNumber: true,
            show: ({ first_seen: first }) => <time>{formatTime(parseApiTime(first))}</time>,
          },
        ]}
      />
    </Panel>
  );
}
