/** Chooses the columns that are shown. */
import type { VNode } from 'preact';
import { chosenColumns, resetChosen, resizeChosen, toggleChosen } from './chosen-columns.js';
import { connectionColumns } from './connection-columns.js';
import { Popup } from './popup.js';

/** Shows it. */
export function ColumnsMenu(): VNode {
  const shown = new Map(chosenColumns.value.map((column) => [column.id, column]));
  return (
    <Popup title="Columns">
      <div class="columns-menu">
        {connectionColumns.map(({ id, title }) => {
          const column = shown.get(id);
          return (
            <div key={id} class="columns-item">
              <label>
                <input type="checkbox" checked={column !== undefined} onChange={() => toggleChosen(id)} />
                {title}
              </label>
              {column !== undefined && (
                <input
                  type="number"
                  aria-label={`Width of ${title}`}
                  min={40}
                  max={900}
                  step={10}
                  value={column.width}
                  onChange={({ currentTarget: { valueAsNumber } }) =>
                    Number.isFinite(valueAsNumber) && resizeChosen(id, valueAsNumber)
                  }
                />
              )}
            </div>
          );
        })}
      </div>
      <button type="button" onClick={resetChosen}>
        Usual columns
      </button>
    </Popup>
  );
}
