/** Filters that were used in this browser, the last one first. */
const KEY = 'weir.filters';
const MOST = 20;

/** The filters. */
export function usedFilters(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(found) ? found.filter((each) => typeof each === 'string').slice(0, MOST) : [];
  } catch {
    // A browser may keep nothing.
    return [];
  }
}

/** Keeps a filter. */
export function rememberFilter(filter: string): void {
  if (filter.trim() === '') return;
  const others = usedFilters().filter((each) => each !== filter);
  try {
    localStorage.setItem(KEY, JSON.stringify([filter, ...others].slice(0, MOST)));
  } catch {
    // As above.
  }
}
