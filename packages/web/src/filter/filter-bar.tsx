/** The filter bar: a field with completion, its errors under the character. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { visibleName } from '../format/name-text.js';
import {
  applyFilter,
  applyText,
  closeSuggestions,
  filterProblem,
  openSuggestions,
  suggestions,
  typedFilter,
} from './filter-input.js';
import { accept, type Suggestion } from './suggestions.js';

/** Its input, which a key focuses. */
export const FILTER_INPUT = 'filter-input';

/** Shows it. */
export function FilterBar(): VNode {
  const input = useRef<HTMLInputElement>(null);
  const chosen = useSignal(-1);
  const text = typedFilter.value;
  const { list } = suggestions.value;
  const problem = filterProblem.value;
  const isOpen = list.length > 0;
  const open = () => {
    chosen.value = -1;
    void openSuggestions(typedFilter.value, input.current?.selectionStart ?? typedFilter.value.length);
  };
  const put = (suggestion: Suggestion) => {
    const next = accept(text, suggestions.value, suggestion);
    typedFilter.value = next.text;
    // The cursor can only be there once the text is.
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(next.cursor, next.cursor);
      open();
    });
  };
  const key = (event: KeyboardEvent) => {
    const at = list[chosen.value];
    if (event.key === 'Escape') {
      if (isOpen) closeSuggestions();
      else input.current?.blur();
    } else if (event.key === 'ArrowDown') {
      if (isOpen) chosen.value = (chosen.value + 1) % list.length;
      else open();
    } else if (event.key === 'ArrowUp' && isOpen) {
      chosen.value = (Math.max(0, chosen.value) + list.length - 1) % list.length;
    } else if ((event.key === 'Enter' || event.key === 'Tab') && isOpen && at !== undefined) put(at);
    else if (event.key === 'Enter') void applyFilter();
    else return;
    event.preventDefault();
  };
  return (
    <search class="filter-bar" aria-label="Filter">
      <div class={`filter-field ${problem === undefined ? '' : 'is-wrong'}`}>
        <input
          ref={input}
          id={FILTER_INPUT}
          type="text"
          role="combobox"
          spellcheck={false}
          autocomplete="off"
          autocapitalize="off"
          placeholder="Filter: proc:nginx peer:10.0.0.0/8 error=*   ( / )"
          aria-label="Filter"
          aria-expanded={isOpen}
          aria-controls="filter-list"
          aria-autocomplete="list"
          aria-activedescendant={chosen.value < 0 ? undefined : `filter-option-${chosen.value}`}
          aria-invalid={problem !== undefined}
          aria-describedby={problem === undefined ? undefined : 'filter-problem'}
          value={text}
          onInput={({ currentTarget }) => {
            typedFilter.value = currentTarget.value;
            filterProblem.value = undefined;
            open();
          }}
          onFocus={open}
          onBlur={closeSuggestions}
          onKeyDown={key}
        />
        {text !== '' && (
          <button type="button" class="quiet" aria-label="Clear the filter" onClick={() => applyText('')}>
            ×
          </button>
        )}
      </div>
      {isOpen && <Options list={list} chosen={chosen.value} put={put} />}
      {problem !== undefined && (
        <div class="filter-problem" id="filter-problem" role="alert">
          {problem.column !== undefined && (
            <pre aria-hidden="true">{`${' '.repeat(Math.max(0, problem.column - 1))}^`}</pre>
          )}
          <p>
            {visibleName(problem.message)}
            {problem.suggestion !== undefined && (
              <button
                type="button"
                class="quiet"
                onMouseDown={(event) => event.preventDefault()}
                onClick={() => correct(problem.column ?? 1, problem.suggestion!)}
              >
                Use {visibleName(problem.suggestion)}
              </button>
            )}
          </p>
        </div>
      )}
    </search>
  );
}

/** Puts what may have been meant in place of the term that begins at a column. */
function correct(column: number, suggestion: string): void {
  const text = typedFilter.value;
  const head = text.slice(0, column - 1);
  const tail = text.slice(column - 1).replace(/^[^\s()]+/, '');
  applyText(`${head}${suggestion}${tail}`);
}

interface OptionsProps {
  readonly list: readonly Suggestion[];
  readonly chosen: number;
  readonly put: (suggestion: Suggestion) => void;
}

function Options({ list, chosen, put }: OptionsProps): VNode {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.children[chosen]?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  return (
    <div ref={box} class="options" id="filter-list" role="listbox" aria-label="What may follow">
      {list.map((suggestion, index) => (
        <div
          key={`${suggestion.kind} ${suggestion.text}`}
          id={`filter-option-${index}`}
          role="option"
          tabIndex={-1}
          aria-selected={index === chosen}
          // Before the input loses the focus.
          onMouseDown={(event) => {
            event.preventDefault();
            put(suggestion);
          }}
        >
          <code>
            <bdi>{visibleName(suggestion.text)}</bdi>
          </code>
          <span>{suggestion.help}</span>
        </div>
      ))}
    </div>
  );
}
