/** Values of connections as they are shown in cells and on cards. */
import type { VNode } from 'preact';
import type { ConnectionDetails, EndedConnection } from '../../api/api-types.js';
import { errnoText } from '../../format/errno-text.js';
import { formatBytes, formatCount, formatMicroseconds, UNKNOWN } from '../../format/number-text.js';
import { formatClock, formatTick, parseApiTime } from '../../format/time-text.js';
import { Name } from '../../parts/name.js';
import { linkTo } from '../../state/page-state.js';
import { type ConnectionColumn, isBad, outcomeOf, servingPort } from './connection-columns.js';

const DAY_MS = 86_400_000;

/** The address of a connection's own view; undefined where it has no number. */
export function connectionLink({ flow_id }: ConnectionDetails): string | undefined {
  if (flow_id === undefined) return undefined;
  return linkTo({ view: 'connection', parameters: { id: flow_id } });
}

/** A moment. @param isLong Whether its date is part of it; else its milliseconds are */
export function momentLabel(time: string, isLong: boolean): string {
  const ms = parseApiTime(time);
  if (isLong) return `${formatTick(ms, DAY_MS)}, ${formatClock(ms)}`;
  return `${formatClock(ms)}.${String(Math.floor(ms % 1000)).padStart(3, '0')}`;
}

/** What is in a cell. */
export function ConnectionCell({
  column,
  connection,
  isLong,
}: {
  readonly column: ConnectionColumn;
  readonly connection: EndedConnection;
  readonly isLong: boolean;
}): VNode {
  const value = column.value(connection);
  if (value === undefined) return <span class="unknown">{UNKNOWN}</span>;
  switch (column.kind) {
    case 'time': {
      const link = connectionLink(connection);
      const text = momentLabel(String(value), isLong);
      return link === undefined ? (
        <time>{text}</time>
      ) : (
        <a href={link} tabIndex={-1} title={`Open this connection, which ended ${value}`}>
          {text}
        </a>
      );
    }
    case 'bytes':
      return <>{formatBytes(Number(value))}</>;
    case 'duration':
      return <>{formatMicroseconds(Number(value))}</>;
    case 'count':
      return <>{formatCount(Number(value))}</>;
    case 'error':
      return <Outcome connection={connection} />;
    default:
      return <Name name={value} />;
  }
}

function Outcome({ connection }: { readonly connection: EndedConnection }): VNode {
  const outcome = outcomeOf(connection);
  const meaning = outcome === undefined ? undefined : errnoText(outcome);
  if (connection.event !== 'fail')
    return (
      <span class={isBad(connection) ? 'table-bad' : ''}>
        {connection.closed_by === undefined ? '' : 'by '}
        <Name name={outcome} />
      </span>
    );
  return (
    <span class="table-bad">
      {meaning ?? <Name name={outcome} />}
      {meaning !== undefined && <small class="muted"> {outcome}</small>}
    </span>
  );
}

/** Who a connection is of, and to whom, at the head of a card. */
export function CardTitle({ connection }: { readonly connection: ConnectionDetails }): VNode {
  const { process, peer, direction } = connection;
  return (
    <div>
      <strong>
        <Name name={process?.comm} />
      </strong>{' '}
      <span aria-hidden="true">{direction === 'inbound' ? '←' : '→'}</span>
      <span class="only-read">{direction}</span> <Name name={peer.name ?? peer.address} />
      <span class="muted">:{servingPort(connection)}</span>
    </div>
  );
}

/** A connection where there is no room for columns. */
export function ConnectionCard({
  connection,
  isLong,
}: {
  readonly connection: EndedConnection;
  readonly isLong: boolean;
}): VNode {
  const { time, bytes_sent, bytes_received, duration_us } = connection;
  const link = connectionLink(connection);
  const text = momentLabel(time, isLong);
  return (
    <div class="table-card">
      <CardTitle connection={connection} />
      <div class="muted">
        {link === undefined ? (
          text
        ) : (
          <a href={link} tabIndex={-1}>
            {text}
          </a>
        )}{' '}
        · {formatBytes((bytes_sent ?? 0) + (bytes_received ?? 0))} · {formatMicroseconds(duration_us)} ·{' '}
        <Outcome connection={connection} />
      </div>
    </div>
  );
}
