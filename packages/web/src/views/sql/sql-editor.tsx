/** Where a statement is written: with colours, completion, and marks below mistakes. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import {
  acceptWord,
  completeSql,
  type SqlSuggestion,
  type SqlSuggestions,
  type SqlTable,
} from './sql-completion.js';
import { type SqlToken, tokensOf } from './sql-text.js';

/** Its text area, which a key focuses. */
export const SQL_INPUT = 'sql-input';

/** What an editor has. */
export interface SqlEditorProps {
  readonly sql: string;
  readonly tables: readonly SqlTable[];
  /** Where a mistake is. */
  readonly wrongAt: number | undefined;
  /** Id of what describes the mistake. */
  readonly problemId: string | undefined;
  readonly onChange: (sql: string) => void;
  readonly onRun: () => void;
}

const nothing: SqlSuggestions = { from: 0, to: 0, list: [] };

/** Shows it. */
export function SqlEditor({ sql, tables, wrongAt, problemId, onChange, onRun }: SqlEditorProps): VNode {
  const input = useRef<HTMLTextAreaElement>(null);
  const offered = useSignal<SqlSuggestions>(nothing);
  const chosen = useSignal(-1);
  const { list, from } = offered.value;
  const isOpen = list.length > 0;
  const close = () => {
    offered.value = nothing;
  };
  const open = (isAsked: boolean) => {
    const { value, selectionStart, selectionEnd } = input.current!;
    chosen.value = isAsked ? 0 : -1;
    offered.value =
      selectionStart === selectionEnd ? completeSql(value, selectionStart, tables, isAsked) : nothing;
  };
  const put = (suggestion: SqlSuggestion) => {
    const next = acceptWord(sql, offered.value, suggestion);
    onChange(next.text);
    close();
    // The cursor can only be there once the text is.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(next.cursor, next.cursor);
    });
  };
  const key = (event: KeyboardEvent) => {
    const isControl = event.ctrlKey || event.metaKey;
    if (event.key === 'Enter' && isControl) {
      close();
      onRun();
    } else if (event.key === ' ' && isControl) open(true);
    else if (event.key === 'Escape') {
      if (isOpen) close();
      else input.current?.blur();
    } else if (!isOpen || isControl || event.altKey) return;
    else if (event.key === 'ArrowDown') chosen.value = (chosen.value + 1) % list.length;
    else if (event.key === 'ArrowUp')
      chosen.value = (Math.max(0, chosen.value) + list.length - 1) % list.length;
    else if (event.key === 'Tab' && !event.shiftKey) put(list[Math.max(0, chosen.value)]!);
    else if (event.key === 'Enter' && chosen.value >= 0) put(list[chosen.value]!);
    else {
      if (event.key.startsWith('Arrow') || event.key === 'Home' || event.key === 'End') close();
      return;
    }
    event.preventDefault();
  };
  return (
    <div class="sql-editor">
      <div class="sql-code">
        <Colours sql={sql} wrongAt={wrongAt} />
        <textarea
          ref={input}
          id={SQL_INPUT}
          rows={1}
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          aria-label="Statement"
          aria-autocomplete="list"
          aria-controls={isOpen ? 'sql-list' : undefined}
          aria-activedescendant={chosen.value < 0 ? undefined : `sql-option-${chosen.value}`}
          aria-invalid={wrongAt !== undefined}
          aria-describedby={problemId}
          placeholder="SELECT … FROM ends WHERE time BETWEEN $from AND $to"
          value={sql}
          onInput={({ currentTarget }) => {
            onChange(currentTarget.value);
            open(false);
          }}
          onKeyDown={key}
          onBlur={close}
          onClick={close}
        />
        {isOpen && <Options list={list} chosen={chosen.value} put={put} sql={sql} from={from} />}
      </div>
    </div>
  );
}

/** The same text below the text area, whose own letters are not drawn. */
function Colours({ sql, wrongAt }: { readonly sql: string; readonly wrongAt: number | undefined }): VNode {
  const pieces: (VNode | string)[] = [];
  let end = 0;
  const tokens = withMark(tokensOf(sql), wrongAt, sql.length);
  for (const token of tokens) {
    if (token.from > end) pieces.push(sql.slice(end, token.from));
    const isWrong = token.from === wrongAt;
    pieces.push(
      <span key={token.from} class={`is-${token.kind} ${isWrong ? 'is-wrong' : ''}`}>
        {sql.slice(token.from, token.to) || ' '}
      </span>,
    );
    end = token.to;
  }
  return (
    <pre aria-hidden="true">
      {pieces}
      {sql.slice(end)}
      {'\n'}
    </pre>
  );
}

/** A mistake may be within a part, or at the end. */
function withMark(tokens: readonly SqlToken[], at: number | undefined, length: number): readonly SqlToken[] {
  if (at === undefined || tokens.some(({ from }) => from === at)) return tokens;
  const split = tokens.flatMap((token) =>
    token.from < at && at < token.to
      ? [
          { ...token, to: at },
          { ...token, from: at },
        ]
      : [token],
  );
  return at >= length ? [...split, { kind: 'other', from: at, to: at }] : split;
}

interface OptionsProps {
  readonly list: readonly SqlSuggestion[];
  readonly chosen: number;
  readonly put: (suggestion: SqlSuggestion) => void;
  readonly sql: string;
  /** Where the word begins. */
  readonly from: number;
}

function Options({ list, chosen, put, sql, from }: OptionsProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  const ghost = useRef<HTMLPreElement>(null);
  useEffect(() => {
    box.current?.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  // Below the word, wherever lines were broken.
  useLayoutEffect(() => {
    const mark = ghost.current!.lastElementChild as HTMLElement;
    const { style, offsetWidth, offsetParent } = box.current!;
    const room = Math.max(0, (offsetParent?.clientWidth ?? 0) - offsetWidth - 4);
    style.left = `${Math.min(mark.offsetLeft, room)}px`;
    style.top = `${mark.offsetTop + mark.offsetHeight + 4}px`;
  }, [sql, from, list]);
  return (
    <>
      <pre ref={ghost} class="sql-ghost" aria-hidden="true">
        {sql.slice(0, from)}
        <span>{sql.slice(from) || ' '}</span>
      </pre>
      <div ref={box} class="options" id="sql-list" role="listbox" aria-label="What may follow">
        {list.map(({ text, help }, index) => (
          <div
            key={text}
            id={`sql-option-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            // Before the text area loses the focus.
            onMouseDown={(event) => {
              event.preventDefault();
              put(list[index]!);
            }}
          >
            <code>{text}</code>
            <span>{help}</span>
          </div>
        ))}
      </div>
    </>
  );
}
