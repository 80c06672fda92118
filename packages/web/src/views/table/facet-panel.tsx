/** Values that occur, with how often: a click filters by one, or without it. */
import type { VNode } from 'preact';
import { useId, useState } from 'preact/hooks';
import type { Group } from '../../api/api-types.js';
import { useAnswer } from '../../api/use-answer.js';
import { formatCount, formatMany, formatShort } from '../../format/number-text.js';
import { Name } from '../../parts/name.js';
import { asksOthers } from '../../state/follow-hosts.js';
import { currentFilter, linkTo } from '../../state/page-state.js';
import { groupFields } from '../../table/group-fields.js';
import { hasTerm, toggleTerm, valueTerm } from './facet-terms.js';
import { readChoice, writeChoice } from './stored-choice.js';

const CHOICE = 'facets';
const USUAL_FACETS = 'process,peer_name,port,error,closed_by,direction';
/** What it means that a field has no value. */
const NONE: Readonly<Record<string, string>> = { error: 'no error', closed_by: 'not closed' };
const FEW = 6;
const MANY = 50;

/** Shows facets, of which those that are open are asked for. @param range As the API reads it */
export function FacetPanel({ range }: { readonly range: string | undefined }): VNode {
  const [open, setOpen] = useState(() => new Set((readChoice(CHOICE) ?? USUAL_FACETS).split(',')));
  const toggle = (name: string, isOpen: boolean) => {
    const next = new Set(open);
    if (isOpen) next.add(name);
    else next.delete(name);
    setOpen(next);
    writeChoice(CHOICE, [...next].join(','));
  };
  return (
    <div class="facets">
      {groupFields
        // Where answers are of one host, that says nothing.
        .filter(({ name }) => name !== 'host' || asksOthers.value)
        .map(({ name, title }) => (
          <Facet
            key={name}
            {...{ name, title, range }}
            isOpen={open.has(name)}
            onToggle={(isOpen) => toggle(name, isOpen)}
          />
        ))}
    </div>
  );
}

interface FacetProps {
  readonly name: string;
  readonly title: string;
  readonly range: string | undefined;
  readonly isOpen: boolean;
  readonly onToggle: (isOpen: boolean) => void;
}

function Facet({ name, title, range, isOpen, onToggle }: FacetProps): VNode {
  const id = useId();
  return (
    <section class="facet">
      <h2>
        <button type="button" aria-expanded={isOpen} aria-controls={id} onClick={() => onToggle(!isOpen)}>
          <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {title}
        </button>
      </h2>
      <div id={id}>{isOpen && <FacetValues {...{ name, title, range }} />}</div>
    </section>
  );
}

function FacetValues({ name, title, range }: Pick<FacetProps, 'name' | 'title' | 'range'>): VNode {
  const [isLong, setLong] = useState(false);
  const filter = currentFilter.value;
  const limit = isLong ? MANY : FEW;
  const asked = useAnswer(
    'groups',
    range === undefined ? undefined : { range, filter, by: name, order: 'connections', limit, ends: 'all' },
  );
  const { answer, problem } = asked;
  if (answer === undefined)
    return <p class="facet-note">{problem !== undefined && problem.status !== 0 ? problem.message : '…'}</p>;
  const groups = answer.groups.filter(({ connections }) => connections > 0);
  const known = groups.filter(({ key }) => key[name] !== null);
  // Most connections have no error: the bars are of those that have a value.
  const most = Math.max(1, ...known.map(({ connections }) => connections));
  if (known.length === 0) return <p class="facet-note">None known</p>;
  return (
    <>
      <ul aria-label={title}>
        {groups.map((group) => (
          <FacetValue key={JSON.stringify(group.key[name])} {...{ name, group, most }} />
        ))}
      </ul>
      {!isLong && answer.count > groups.length && groups.length === FEW && (
        <button type="button" class="quiet" onClick={() => setLong(true)}>
          {formatCount(answer.count - groups.length)} more
        </button>
      )}
      {isLong && answer.count > groups.length && (
        <a href={linkTo({ view: 'table', parameters: { by: name, order: 'connections' } })}>
          All {formatCount(answer.count)}
        </a>
      )}
    </>
  );
}

interface FacetValueProps {
  readonly name: string;
  readonly group: Group;
  readonly most: number;
}

function FacetValue({ name, group, most }: FacetValueProps): VNode {
  const { key, connections, failures } = group;
  const value = key[name] ?? null;
  const filter = currentFilter.value;
  const [only, without] = [valueTerm(name, value), valueTerm(name, value, true)];
  const isChosen = only !== undefined && hasTerm(filter, only);
  const link = (term: string) => linkTo({ view: 'table', filter: toggleTerm(filter, term) });
  const text =
    value === null ? <span class="muted">{NONE[name] ?? 'not known'}</span> : <Name name={value} />;
  return (
    <li class={isChosen ? 'is-chosen' : ''}>
      {only === undefined ? (
        <span class="facet-value">{text}</span>
      ) : (
        <a class="facet-value" href={link(only)} aria-current={isChosen ? 'true' : undefined}>
          {text}
        </a>
      )}
      <span
        class="facet-count"
        title={`${formatMany(connections, 'connection')}, ${formatCount(failures)} failed`}
      >
        {formatShort(connections)}
      </span>
      {without !== undefined && !isChosen && (
        <a class="facet-without" href={link(without)} title="Without these">
          <span aria-hidden="true">−</span>
          <span class="only-read">
            without <Name name={value ?? 'not known'} />
          </span>
        </a>
      )}
      <svg class="facet-bar" viewBox="0 0 100 2" preserveAspectRatio="none" aria-hidden="true">
        <rect width={value === null ? 0 : (connections / most) * 100} height="2" class="facet-all" />
        <rect width={value === null ? 0 : (failures / most) * 100} height="2" class="facet-failed" />
      </svg>
    </li>
  );
}
