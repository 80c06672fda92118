/** Groups that differ, with the figures of both ranges. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Change, Difference, Measures } from '../../api/api-types.js';
import { narrowFilter } from '../../filter/filter-term.js';
import { formatCount, UNKNOWN } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { shownValue } from '../../state/host-names.js';
import { currentFilter, linkTo } from '../../state/page-state.js';
import { fieldTitle } from '../../table/group-fields.js';
import { type CompareFigure, compareFigures } from './compare-figures.js';
import { changeTitles, largest } from './differences.js';

/** What it has. */
export interface DifferenceTableProps {
  readonly by: readonly string[];
  readonly differences: readonly Difference[];
  /** Both ranges, as links have them. */
  readonly nowRange: string;
  readonly beforeRange: string;
}

const SOME_ROWS = 50;
const MORE_ROWS = 200;
/** As of the server. */
const SLOWER_FACTOR = 1.5;

/** Shows it. */
export function DifferenceTable({ by, differences, nowRange, beforeRange }: DifferenceTableProps): VNode {
  const [most, setMost] = useState(SOME_ROWS);
  const rows = differences.slice(0, most);
  const scales = compareFigures.map(({ value }) => largest(rows, value));
  const link = ({ key }: Difference, range: string) =>
    linkTo({ view: 'table', range, filter: narrowFilter(currentFilter.value, key) });
  return (
    <>
      <table class="rank compare-table" aria-label="What differs">
        <thead>
          <tr>
            {by.map((name) => (
              <th key={name} scope="col">
                {fieldTitle(name)}
              </th>
            ))}
            <th scope="col">Differs</th>
            <th scope="col" class="compare-sides">
              Connections of
            </th>
            {compareFigures.map((figure) => (
              <th key={figure.title} scope="col" class={`is-number ${figure.isMinor ? 'is-minor' : ''}`}>
                {figure.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(by.map((name) => row.key[name]))}>
              {by.map((name, index) =>
                index === 0 ? (
                  <th key={name} scope="row">
                    <a href={link(row, row.now === undefined ? beforeRange : nowRange)}>
                      <Name name={shownValue(name, row.key[name])} />
                    </a>
                  </th>
                ) : (
                  <td key={name}>
                    <Name name={shownValue(name, row.key[name])} />
                  </td>
                ),
              )}
              <td>
                {row.changes.map((change) => (
                  <ChangeMark key={change} change={change} />
                ))}
              </td>
              <td class="compare-sides">
                <Side link={row.now && link(row, nowRange)} text="this range" />
                <Side link={row.before && link(row, beforeRange)} text="the other" />
              </td>
              {compareFigures.map((figure, index) => (
                <Figure key={figure.title} {...{ figure, row }} most={scales[index]!} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {differences.length > rows.length && (
        <p>
          <button type="button" onClick={() => setMost(most + MORE_ROWS)}>
            Show more
          </button>{' '}
          <span class="muted">
            {formatCount(rows.length)} of {formatCount(differences.length)}
          </span>
        </p>
      )}
    </>
  );
}

function Side({ link, text }: { readonly link: string | undefined; readonly text: string }): VNode {
  return <div>{link === undefined ? <span class="muted">{UNKNOWN}</span> : <a href={link}>{text}</a>}</div>;
}

function ChangeMark({ change }: { readonly change: Change }): VNode {
  return <span class={`compare-change is-${change}`}>{changeTitles[change]}</span>;
}

/** Whether a figure is why its row differs. */
function isWorseBy({ title }: CompareFigure, change: Change, is: number, was: number | undefined): boolean {
  if (title === 'Failed') return is > 0 && (change === 'more_failures' || change === 'new');
  return change === 'slower' && was !== undefined && is > was * SLOWER_FACTOR;
}

interface FigureProps {
  readonly figure: CompareFigure;
  readonly row: Difference;
  readonly most: number;
}

/** A figure of both sides, each with a bar: this range above. */
function Figure({ figure, row, most }: FigureProps): VNode {
  const { now, before } = row;
  const { value, format, isBad = false, isMinor = false } = figure;
  const of = (measures: Measures | undefined) => (measures === undefined ? undefined : value(measures));
  const [is, was] = [of(now), of(before)];
  const isWorse =
    isBad && is !== undefined && row.changes.some((change) => isWorseBy(figure, change, is, was));
  return (
    <td class={`is-number ${isMinor ? 'is-minor' : ''}`} data-title={figure.title}>
      <div class={isWorse ? 'compare-worse' : ''}>
        {format(is)}
        <SideBar part={most > 0 ? (is ?? 0) / most : 0} side="now" />
      </div>
      <div class="muted">
        {format(was)}
        <SideBar part={most > 0 ? (was ?? 0) / most : 0} side="before" />
      </div>
    </td>
  );
}

function SideBar({ part, side }: { readonly part: number; readonly side: 'now' | 'before' }): VNode {
  return (
    <svg class={`compare-bar is-${side}`} viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">
      <rect x={100 - part * 100} width={part * 100} height="3" />
    </svg>
  );
}
