/** Statements to choose from, and the tables that there are. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { shortName } from '../../format/name-text.js';
import { Name } from '../../parts/name.js';
import type { SqlTable } from './sql-completion.js';
import { type NamedSql, sqlExamples } from './sql-examples.js';
import {
  forgetStatements,
  removeStatement,
  savedStatements,
  saveStatement,
  usedStatements,
} from './sql-store.js';

/** What it has. */
export interface SqlShelfProps {
  readonly sql: string;
  readonly tables: readonly SqlTable[];
  /** Changes when a statement has run. */
  readonly runs: number;
  readonly onChoose: (sql: string) => void;
}

/** Shows it. */
export function SqlShelf({ sql, tables, onChoose }: SqlShelfProps): VNode {
  const version = useSignal(0);
  const name = useSignal('');
  void version.value;
  const [saved, used] = [savedStatements(), usedStatements()];
  const save = (event: Event) => {
    event.preventDefault();
    saveStatement({ name: name.value.trim(), sql });
    name.value = '';
    version.value++;
  };
  return (
    <aside class="sql-shelf" aria-label="Statements and tables">
      <Shelf title="Examples" isOpen>
        <ul>
          {sqlExamples.map((each) => (
            <Item key={each.name} statement={each} onChoose={onChoose} />
          ))}
        </ul>
      </Shelf>
      <Shelf title={`Saved (${saved.length})`} isOpen={saved.length > 0}>
        <form onSubmit={save}>
          <input
            aria-label="Name of the statement"
            placeholder="Name"
            required
            maxLength={80}
            value={name.value}
            onInput={({ currentTarget }) => {
              name.value = currentTarget.value;
            }}
          />
          <button type="submit" disabled={sql.trim() === '' || name.value.trim() === ''}>
            Save
          </button>
        </form>
        <ul>
          {saved.map((each) => (
            <Item
              key={each.name}
              statement={each}
              onChoose={onChoose}
              onRemove={() => {
                removeStatement(each.name);
                version.value++;
              }}
            />
          ))}
        </ul>
        <p class="muted">This browser keeps them.</p>
      </Shelf>
      <Shelf title={`Run before (${used.length})`}>
        <ul>
          {used.map((each) => (
            <Item key={each} statement={{ name: each.replace(/\s+/g, ' '), sql: each }} onChoose={onChoose} />
          ))}
        </ul>
        {used.length > 0 && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              forgetStatements();
              version.value++;
            }}
          >
            Forget them
          </button>
        )}
      </Shelf>
      <Shelf title="Tables">
        {tables.map((table) => (
          <details key={table.name}>
            <summary>
              <code>{table.name}</code>
            </summary>
            <dl>
              {table.columns.map((column) => (
                <div key={column.name}>
                  <dt>
                    <code>{column.name}</code>
                  </dt>
                  <dd>{column.type}</dd>
                </div>
              ))}
            </dl>
          </details>
        ))}
      </Shelf>
    </aside>
  );
}

interface ShelfProps {
  readonly title: string;
  readonly isOpen?: boolean;
  readonly children: VNode | (VNode | false)[];
}

function Shelf({ title, isOpen = false, children }: ShelfProps): VNode {
  return (
    <details class="panel" open={isOpen}>
      <summary>
        <h2>{title}</h2>
      </summary>
      {children}
    </details>
  );
}

interface ItemProps {
  readonly statement: NamedSql;
  readonly onChoose: (sql: string) => void;
  readonly onRemove?: () => void;
}

const LONGEST = 120;

function Item({ statement: { name, sql }, onChoose, onRemove }: ItemProps): VNode {
  return (
    <li>
      <button type="button" class="quiet" title={shortName(sql, 400)} onClick={() => onChoose(sql)}>
        <Name name={name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name} />
      </button>
      {onRemove !== undefined && (
        <button type="button" class="quiet" aria-label={`Remove ${shortName(name)}`} onClick={onRemove}>
          ×
        </button>
      )}
    </li>
  );
}
