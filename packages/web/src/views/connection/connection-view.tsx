/** One connection on one page: who, to whom, how it went, and what was around it. */
import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ConnectionAnswer, Interval } from '../../api/api-types.js';
import { lossSpans, spansOf } from '../../chart/steps.js';
import { TimeChart } from '../../chart/time-chart.js';
import type { ChartContent } from '../../chart/uplot-options.js';
import { filterTerm, joinFilters } from '../../filter/filter-term.js';
import { formatBytes, formatCount, formatMicroseconds } from '../../format/number-text.js';
import { formatTime, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { hostName } from '../../state/host-names.js';
import { linkTo, viewParameter } from '../../state/page-state.js';
import { rangeBetween } from '../../time/range-text.js';
import { BothEndsPanel } from './both-ends.js';
import {
  type AnyConnection,
  beganMs,
  type CourseStep,
  courseOf,
  endText,
  figuresOfEnd,
  hasEnded,
  outcomeOf,
  processRows,
  type SentencePart,
  sentenceOf,
} from './connection-words.js';
import { intervalSteps } from './interval-steps.js';
import { Neighbours } from './neighbours.js';
import { type KnownConnection, useConnection } from './use-connection.js';

const idParameter = viewParameter('id');

/** Shows the connection that the address names. */
export function ConnectionView(): VNode {
  const id = idParameter.value.value;
  const { known, problem } = useConnection(id);
  if (id === '') return <p class="empty">The address names no connection.</p>;
  if (problem !== undefined && known === undefined)
    return (
      <p class="notice is-bad" role="alert">
        {problem.message}
      </p>
    );
  if (known === undefined) return <p class="empty">…</p>;
  return <Whole known={known} />;
}

function Whole({ known: { own, other, ends, answer } }: { readonly known: KnownConnection }): VNode {
  const { process, peer } = own;
  const processFilter = joinFilters(
    ...[process?.pid, process?.comm].flatMap((value, index) =>
      value === undefined ? [] : [filterTerm(index === 0 ? 'pid' : 'process', value) ?? ''],
    ),
  );
  return (
    <div class="connection-view">
      <Header own={own} />
      <Panel title="Course" class="connection-wide">
        <Course steps={courseOf(own)} />
      </Panel>
      <Minutes own={own} answer={answer} />
      <Panel title="Figures">
        <Rows rows={figuresOfEnd(own).map(([name, value]) => ({ name, value, group: undefined }))} />
      </Panel>
      <Panel title="Process">
        {process === undefined ? (
          <p class="empty">It is not known which process had it.</p>
        ) : (
          <Rows rows={processRows(own)} />
        )}
      </Panel>
      {ends === undefined ? <OtherEnd own={own} other={other} /> : <BothEndsPanel ends={ends} own={own} />}
      <Panel title="Socket">
        <Rows rows={socketRows(own)} />
      </Panel>
      {processFilter !== '' && (
        <Neighbours title="Same process, about then" filter={processFilter} own={own} isSameProcess />
      )}
      <Neighbours
        title="Same peer, about then"
        filter={filterTerm('peer', peer.address) ?? ''}
        own={own}
        isSameProcess={false}
      />
    </div>
  );
}

function Header({ own }: { readonly own: AnyConnection }): VNode {
  const { isBad } = outcomeOf(own);
  const { transport, type } = own.network;
  const ended = parseApiTime(own.time);
  const began = beganMs(own) ?? ended;
  return (
    <header class={`connection-header ${isBad ? 'is-bad' : ''}`}>
      <p class="connection-sentence">
        <Sentence parts={sentenceOf(own)} />
      </p>
      <p class="muted">
        {transport.toUpperCase()} over {type === 'ipv6' ? 'IPv6' : 'IPv4'} · <time>{formatTime(began)}</time>
        {hasEnded(own) ? ' – ' : ', seen until '}
        <time>{formatTime(ended)}</time> ·{' '}
        <a href={linkTo({ view: 'overview', range: rangeBetween(began - 60_000, ended + 60_000) })}>
          this time in the overview
        </a>
      </p>
    </header>
  );
}

function Sentence({ parts }: { readonly parts: readonly SentencePart[] }): VNode {
  return <>{parts.map((part) => (typeof part === 'string' ? part : <Name name={part.name} />))}</>;
}

function Course({ steps }: { readonly steps: readonly CourseStep[] }): VNode {
  return (
    <ol class="connection-course">
      {steps.map(({ atMs, title, note, isBad }, index) => {
        const before = steps[index - 1];
        return (
          <li key={title} class={isBad ? 'is-bad' : ''}>
            {before !== undefined && (
              <span class="connection-gap">{formatMicroseconds(Math.max(0, atMs - before.atMs) * 1000)}</span>
            )}
            <strong>{title}</strong>
            <time>{formatTime(atMs)}</time>
            <span class="muted">{note}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** The minutes of the end that is shown: the answer may have those of both. */
function ownIntervals({ host, flow_id, local }: AnyConnection, intervals: readonly Interval[]): Interval[] {
  return intervals.filter(
    (each) =>
      each.host === host &&
      (each.flow_id === undefined || each.flow_id === flow_id) &&
      each.local.address === local.address &&
      each.local.port === local.port,
  );
}

/** Nothing for a connection that was not open when a minute ended: its figures say all. */
function Minutes({
  own,
  answer,
}: {
  readonly own: AnyConnection;
  readonly answer: ConnectionAnswer;
}): VNode | null {
  const charts = useMemo(() => chartsOf(own, answer), [own, answer]);
  if (charts === undefined) return null;
  return (
    <Panel title="Minute by minute" class="connection-wide">
      <div class="connection-charts">
        <TimeChart label="Bytes by minute" content={charts.bytes} height={150} />
        {charts.srtt !== undefined && (
          <TimeChart label="Round-trip time" content={charts.srtt} height={110} />
        )}
        {charts.retransmits !== undefined && (
          <TimeChart label="Retransmits by minute" content={charts.retransmits} height={110} />
        )}
      </div>
    </Panel>
  );
}

function chartsOf(own: AnyConnection, answer: ConnectionAnswer) {
  const intervals = ownIntervals(own, answer.intervals);
  const [first] = intervals;
  if (first === undefined) return undefined;
  const to = parseApiTime(own.time);
  const from = beganMs(own) ?? parseApiTime(first.time) - first.span_us / 1000;
  const lifetime = { from, to: Math.max(to, from + 1000) };
  const steps = intervalSteps(intervals, lifetime, answer.unrecorded);
  const isInside = (span: { readonly from: number; readonly to: number }) =>
    span.to > lifetime.from && span.from < lifetime.to;
  const common = {
    ...{ times: steps.times, stepSeconds: 60, range: lifetime },
    unrecorded: spansOf(answer.unrecorded).filter(isInside),
    lost: lossSpans(answer.losses).filter(isInside),
  };
  const bytes: ChartContent = {
    ...common,
    series: [
      { label: 'Sent', color: '--series-1', values: steps.sent },
      { label: 'Received', color: '--series-2', values: steps.received },
    ],
    format: formatBytes,
  };
  const srtt: ChartContent | undefined = steps.srttUs.some((value) => value !== null)
    ? {
        ...common,
        series: [{ label: 'Round trip', color: '--series-4', values: steps.srttUs, kind: 'line' }],
        format: formatMicroseconds,
      }
    : undefined;
  const retransmits: ChartContent | undefined = steps.retransmits.some((value) => value !== null && value > 0)
    ? {
        ...common,
        series: [{ label: 'Retransmits', color: '--bad', values: steps.retransmits }],
        format: formatCount,
      }
    : undefined;
  return { bytes, srtt, retransmits };
}

interface Row {
  readonly name: string;
  readonly value: string;
  /** What groups by it: the value leads to others with the same. */
  readonly group: string | undefined;
}

function Rows({ rows }: { readonly rows: readonly Row[] }): VNode {
  return (
    <dl class="connection-rows">
      {rows.map(({ name, value, group }) => {
        const filter = group === undefined ? undefined : filterTerm(group, value);
        return (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {filter === undefined ? (
                <Name name={value} />
              ) : (
                <a href={linkTo({ view: 'table', filter, parameters: { id: undefined } })}>
                  <Name name={value} />
                </a>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function OtherEnd({
  own,
  other,
}: {
  readonly own: AnyConnection;
  readonly other: AnyConnection | undefined;
}): VNode {
  const link = other?.flow_id === undefined ? undefined : linkTo({ parameters: { id: other.flow_id } });
  return (
    <Panel title="The other end" aside={link !== undefined && <a href={link}>Its page</a>}>
      {other === undefined ? (
        <p class="empty">
          {own.connection_id === undefined
            ? 'The sequence numbers of this connection are not known, by which its other end would be found.'
            : 'It is not recorded in this history.'}
        </p>
      ) : (
        <>
          <p>
            <Sentence parts={sentenceOf(other)} />
          </p>
          <Rows
            rows={[
              { name: 'Its address', value: endText(other.local), group: undefined },
              { name: 'It sees', value: endText(other.peer), group: undefined },
              ...processRows(other).slice(0, 6),
              ...(other.host === own.host
                ? []
                : [{ name: 'Host', value: hostName(other.host), group: 'host' }]),
            ]}
          />
        </>
      )}
    </Panel>
  );
}

function socketRows(own: AnyConnection): Row[] {
  const { local, peer, service, direction, interface: link, flow_id, connection_id, host } = own;
  const accounted = hasEnded(own) ? own.accounted : undefined;
  const rows: (readonly [string, string | undefined, string | undefined])[] = [
    ['Local', endText(local), undefined],
    ['Peer', endText(peer), undefined],
    ["Peer's name", peer.name, 'peer_name'],
    ["Peer's network", peer.group, 'peer_group'],
    ["Peer's country", peer.country, 'country'],
    ["Peer's AS", peer.asn === undefined ? undefined : String(peer.asn), 'asn'],
    ["Peer's AS organisation", peer.as_org, 'as_org'],
    ['Service', service, 'service'],
    ['Direction', direction, 'direction'],
    ['Interface', link, 'interface'],
    ['Process known by', accounted, undefined],
    ['flow_id', flow_id, undefined],
    ['connection_id', connection_id, undefined],
    ['Host', hostName(host), 'host'],
    ['Host and boot', host, undefined],
  ];
  return rows.flatMap(([name, value, group]) => (value === undefined ? [] : [{ name, value, group }]));
}
