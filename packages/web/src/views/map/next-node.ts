/** Which node an arrow key goes to. Pure. */
import type { Place, Places } from './map-geometry.js';

/** The nearest node in a direction; undefined where there is none. */
export function nextNode(
  places: Places,
  nodes: readonly { readonly id: string }[],
  from: string,
  direction: Place,
): string | undefined {
  const start = places[from];
  if (start === undefined) return undefined;
  let found: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const { id } of nodes) {
    const place = places[id];
    if (id === from || place === undefined) continue;
    const [x, y] = [place.x - start.x, place.y - start.y];
    const along = x * direction.x + y * direction.y;
    const across = Math.abs(x * direction.y) + Math.abs(y * direction.x);
    // What lies more to the side than ahead is in another direction.
    if (along <= 0 || across > 2 * along) continue;
    const cost = along + 2 * across;
    if (cost < least) {
      least = cost;
      found = id;
    }
  }
  return found;
}
