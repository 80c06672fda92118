/** Chooses the fields by which something is grouped. */
import type { VNode } from 'preact';
import { groupFields } from './group-fields.js';

/** What it has. */
export interface FieldSelectProps {
  readonly label: string;
  /** The fields that are chosen, in order. */
  readonly fields: readonly string[];
  /** How many can be chosen. */
  readonly most: number;
  /** Whether none may be chosen. Default false. */
  readonly isOptional?: boolean;
  readonly onChange: (fields: readonly string[]) => void;
}

/** Shows a list for each chosen field, and one to add another. */
export function FieldSelect({ label, fields, most, isOptional = false, onChange }: FieldSelectProps): VNode {
  const count = Math.min(most, fields.length + 1);
  return (
    <span class="field-select">
      <span class="muted">{label}</span>
      {Array.from({ length: count }, (_, index) => {
        const isEmptyAllowed = index > 0 || isOptional;
        return (
          <select
            key={index}
            aria-label={`${label}, ${index + 1}`}
            value={fields[index] ?? ''}
            onChange={({ currentTarget: { value } }) => {
              const next = [
                ...fields.slice(0, index),
                ...(value === '' ? [] : [value]),
                ...fields.slice(index + 1),
              ];
              onChange([...new Set(next)]);
            }}
          >
            {isEmptyAllowed && <option value="">{index === 0 ? 'nothing' : '…'}</option>}
            {groupFields
              .filter(({ name }) => name === fields[index] || !fields.includes(name))
              .map(({ name, title }) => (
                <option key={name} value={name}>
                  {title}
                </option>
              ))}
          </select>
        );
      })}
    </span>
  );
}
