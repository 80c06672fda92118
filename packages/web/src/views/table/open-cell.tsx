/** Values of open connections as they are shown in cells and on cards. */
import type { VNode } from 'preact';
import type { OpenConnection } from '../../api/api-types.js';
import {
  formatBytes,
  formatCount,
  formatMicroseconds,
  formatRate,
  UNKNOWN,
} from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { CardTitle, connectionLink, momentLabel } from './connection-cell.js';
import { busynessOf, type OpenColumn } from './open-columns.js';

/** What is in a cell. */
export function OpenCell({
  column,
  connection,
}: {
  readonly column: OpenColumn;
  readonly connection: OpenConnection;
}): VNode {
  const { kind } = column;
  const value = column.value(connection);
  if (kind === 'since') return <Since connection={connection} />;
  if (value === undefined) return <span class="unknown">{UNKNOWN}</span>;
  switch (kind) {
    case 'bytes':
      return <>{formatBytes(Number(value))}</>;
    case 'rate':
      return <>{formatRate(Number(value))}</>;
    case 'duration':
      return <>{formatMicroseconds(Number(value))}</>;
    case 'count':
      return <>{formatCount(Number(value))}</>;
    default:
      return <Name name={value} />;
  }
}

function Since({ connection }: { readonly connection: OpenConnection }): VNode {
  const link = connectionLink(connection);
  const text = connection.started === undefined ? 'before recording' : momentLabel(connection.started, true);
  if (link === undefined) return <span>{text}</span>;
  return (
    <a href={link} tabIndex={-1} title="Open this connection's own view">
      {text}
    </a>
  );
}

/** A connection where there is no room for columns. */
export function OpenCard({ connection }: { readonly connection: OpenConnection }): VNode {
  const { bytes_sent, bytes_received } = connection;
  return (
    <div class="table-card">
      <CardTitle connection={connection} />
      <div class="muted">
        <Since connection={connection} /> · {formatBytes((bytes_sent ?? 0) + (bytes_received ?? 0))} ·{' '}
        {formatRate(busynessOf(connection))}
      </div>
    </div>
  );
}
