/** Statements that this browser keeps: saved ones, those that ran before, and what is being written. */
import type { NamedSql } from './sql-examples.js';

const SAVED = 'weir.sql.saved';
const USED = 'weir.sql.used';
const DRAFT = 'weir.sql.draft';
const MOST_USED = 50;
const MOST_SAVED = 200;

function read<Item>(key: string, isItem: (value: unknown) => value is Item): Item[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
    return Array.isArray(found) ? found.filter(isItem) : [];
  } catch {
    // A browser may keep nothing.
    return [];
  }
}

function write(key: string, value: unknown): void {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // As above, or there is no more room.
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isNamed(value: unknown): value is NamedSql {
  const { name, sql } = (value ?? {}) as Partial<Record<string, unknown>>;
  return isText(name) && isText(sql);
}

/** Statements that ran, the last one first. */
export function usedStatements(): string[] {
  return read(USED, isText).slice(0, MOST_USED);
}

/** Keeps one that ran. */
export function rememberStatement(sql: string): void {
  const others = usedStatements().filter((each) => each !== sql);
  write(USED, [sql, ...others].slice(0, MOST_USED));
}

/** Forgets those that ran. */
export function forgetStatements(): void {
  write(USED, []);
}

/** Saved statements, by name. */
export function savedStatements(): NamedSql[] {
  return read(SAVED, isNamed);
}

/** Saves one; another one with that name goes. */
export function saveStatement(statement: NamedSql): void {
  const others = savedStatements().filter(({ name }) => name !== statement.name);
  const all = [...others, statement].slice(-MOST_SAVED);
  write(
    SAVED,
    all.sort((a, b) => a.name.localeCompare(b.name)),
  );
}

/** Removes a saved one. */
export function removeStatement(name: string): void {
  write(
    SAVED,
    savedStatements().filter((each) => each.name !== name),
  );
}

/** What was being written when the view was left. */
export function readDraft(): string {
  return read(DRAFT, isText)[0] ?? '';
}

/** Keeps it. */
export function keepDraft(sql: string): void {
  write(DRAFT, [sql]);
}
