/** A short table of the largest, with bars. */
import type { ComponentChildren, VNode } from 'preact';

/** A column. */
export interface RankColumn<Row> {
  readonly title: string;
  readonly show: (row: Row) => ComponentChildren;
  /** Text is at the left, numbers at the right. Default false. */
  readonly isNumber?: boolean;
  /** A part of one, drawn as a bar. */
  readonly bar?: (row: Row) => number;
  /** Class of its cells, such as `is-bad`. */
  readonly class?: (row: Row) => string;
  /** Left out where there is little room. Default false. */
  readonly isMinor?: boolean;
}

/** What a table has. */
export interface RankTableProps<Row> {
  /** Names it for screen readers. */
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly RankColumn<Row>[];
  readonly keyOf: (row: Row) => string;
  /** Where the first cell of a row leads. */
  readonly linkOf?: (row: Row) => string | undefined;
}

/** Shows it. The first column names the row. */
export function RankTable<Row>({ label, rows, columns, keyOf, linkOf }: RankTableProps<Row>): VNode {
  return (
    <table class="rank" aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column.title} scope="col" class={classOf(column)}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => {
          const link = linkOf?.(row);
          return (
            <tr key={keyOf(row)}>
              {columns.map((column, index) => {
                const text = column.show(row);
                const content = index === 0 && link !== undefined ? <a href={link}>{text}</a> : text;
                const name = `${classOf(column)} ${column.class?.(row) ?? ''}`;
                return index === 0 ? (
                  <th key={column.title} scope="row" class={name}>
                    {content}
                  </th>
                ) : (
                  <td key={column.title} class={name}>
                    {content}
                    {column.bar !== undefined && <Bar part={column.bar(row)} />}
                  </td>
                );
              })}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function classOf<Row>({ isNumber = false, isMinor = false }: RankColumn<Row>): string {
  return `${isNumber ? 'is-number' : ''} ${isMinor ? 'is-minor' : ''}`;
}

function Bar({ part }: { readonly part: number }): VNode {
  return (
    <svg class="bar" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
      <rect width={Math.max(0, Math.min(1, part)) * 100} height="3" />
    </svg>
  );
}
