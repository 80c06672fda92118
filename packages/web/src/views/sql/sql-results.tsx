/** An answer of SQL as a table, of whose rows only those that are seen are in the page. */
import type { RefObject, VNode } from 'preact';
import { useMemo, useRef } from 'preact/hooks';
import type { SqlAnswer } from '../../api/api-types.js';
import { visibleName } from '../../format/name-text.js';
import { Name } from '../../parts/name.js';
import { MOST_PIXELS, useVirtualRows } from '../../table/use-virtual-rows.js';
import { columnKind, valueText } from './sql-result.js';

const ROW_PIXELS = 26;
const [LEAST_WIDTH, MOST_WIDTH] = [8, 44];
/** Rows by which the widths of columns are chosen. */
const MEASURED_ROWS = 200;
/** A longer value may be cut off: its title has it all. */
const SHORT = 12;

/** Shows it. */
export function SqlResults({ answer }: { readonly answer: SqlAnswer }): VNode {
  const box = useRef<HTMLElement>(null);
  const { columns, rows } = answer;
  const count = Math.min(rows.length, Math.floor(MOST_PIXELS / ROW_PIXELS));
  const { items, totalHeight } = useVirtualRows({
    ...{ count, rowHeight: ROW_PIXELS },
    box: box as RefObject<HTMLElement>,
  });
  // Columns may share a name.
  const shown = useMemo(() => {
    const widths = widthsOf(answer);
    return columns.map(({ name, type }, index) => ({
      ...{ id: `${index}`, name, type },
      kind: columnKind(type),
      width: `${widths[index]}ch`,
    }));
  }, [answer, columns]);
  const [first, last] = [items[0], items.at(-1)];
  return (
    <section
      ref={box}
      class="sql-results"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
      tabIndex={0}
      aria-label="Rows"
    >
      <table aria-label="Answer" aria-rowcount={rows.length + 1}>
        <colgroup>
          {shown.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {shown.map(({ id, name, type, kind }) => (
              <th key={id} scope="col" class={`is-${kind}`} title={`${visibleName(name)} ${type}`}>
                <Name name={name} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap pixels={first?.start ?? 0} />
          {items.map(({ index }) => (
            <tr key={index} aria-rowindex={index + 2}>
              {shown.map(({ id, kind }, column) => {
                const text = valueText(rows[index]?.[column]);
                return (
                  <td key={id} class={`is-${kind}`} title={titleOf(text)}>
                    <Name name={text} />
                  </td>
                );
              })}
            </tr>
          ))}
          <Gap pixels={totalHeight - (last?.end ?? totalHeight)} />
        </tbody>
      </table>
    </section>
  );
}

/** The room of rows that are not in the page. */
function Gap({ pixels }: { readonly pixels: number }): VNode | null {
  return pixels > 0 ? <tr style={{ height: `${pixels}px` }} /> : null;
}

function titleOf(text: string | null): string | undefined {
  return text !== null && text.length > SHORT ? visibleName(text) : undefined;
}

/** Characters of each column. */
function widthsOf({ columns, rows }: SqlAnswer): number[] {
  return columns.map(({ name }, index) => {
    const longest = rows
      .slice(0, MEASURED_ROWS)
      .reduce((most, row) => Math.max(most, valueText(row[index])?.length ?? 1), name.length);
    return Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, longest + 4));
  });
}
