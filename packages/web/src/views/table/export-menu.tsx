/** Saves the connections of the table as a file. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { addressOf, ask } from '../../api/client.js';
import { formatCount, formatMany } from '../../format/number-text.js';
import { currentFilter } from '../../state/page-state.js';
import { chosenColumns } from './chosen-columns.js';
import { csvFormat, type ExportFormat, exportRows, jsonFormat, MOST_EXPORTED } from './export-rows.js';
import { Popup } from './popup.js';
import { saveFile } from './put-out.js';
import { isByTime, type TableOrder } from './use-rows.js';

/** What it has. */
export interface ExportMenuProps {
  /** As the API reads it. */
  readonly range: string | undefined;
  readonly order: TableOrder;
  readonly total: number;
}

/** Shows it. */
export function ExportMenu({ range, order, total }: ExportMenuProps): VNode {
  const [progress, setProgress] = useState('');
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const save = async (format: ExportFormat) => {
    const controller = new AbortController();
    running.current?.abort();
    running.current = controller;
    const { signal } = controller;
    const question = { range, filter: currentFilter.value, order };
    try {
      setProgress('Reading…');
      const { parts, rows, isCut } = await exportRows(
        (limit, cursor) => ask('connections', { ...question, limit, cursor }, { signal }),
        format,
        (count) => setProgress(`${formatMany(count, 'connection')} read`),
      );
      saveFile(`connections.${format.extension}`, parts, format.type);
      setProgress(`${formatMany(rows, 'connection')} saved${isCut ? '; there are more' : ''}`);
    } catch (error) {
      setProgress(signal.aborted ? 'Cancelled' : (error as Error).message);
    } finally {
      if (running.current === controller) running.current = undefined;
    }
  };
  const isCut = total > MOST_EXPORTED;
  return (
    <Popup title="Save">
      <div class="export-menu">
        <div class="segments">
          <button
            type="button"
            disabled={range === undefined}
            onClick={() => void save(csvFormat(chosenColumns.value))}
          >
            CSV
          </button>
          <button type="button" disabled={range === undefined} onClick={() => void save(jsonFormat)}>
            JSON
          </button>
        </div>
        <p class="muted">
          CSV has the columns shown, JSON everything.
          {isCut &&
            ` Both have the ${isByTime(order) ? order : 'first'} ${formatCount(MOST_EXPORTED)} of ${formatCount(total)} connections.`}
        </p>
        <a
          class="export-parquet"
          href={addressOf('parquet', { range, filter: currentFilter.value })}
          download="connections.parquet"
        >
          Parquet
        </a>
        <p class="muted">All {formatCount(total)} connections, with all columns of the history.</p>
        <p role="status">{progress}</p>
        {running.current !== undefined && (
          <button type="button" onClick={() => running.current?.abort()}>
            Cancel
          </button>
        )}
      </div>
    </Popup>
  );
}
