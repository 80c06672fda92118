/** Losses that wait for a batch which is kept. Pure. */
import type { LossRow } from '@weir/history/schema';

function key({ host_id, place, detail }: LossRow): string {
  return `${host_id}|${place}|${detail}`;
}

/** Two losses of one place as one, from the earlier beginning to the later end. */
function merge(a: LossRow, b: LossRow): LossRow {
  const { since: _since, count: _count, ...rest } = a;
  const starts = [a.since ?? a.time, b.since ?? b.time];
  const isCounted = a.count !== undefined && b.count !== undefined;
  return {
    ...rest,
    time: a.time > b.time ? a.time : b.time,
    since: starts[0]! < starts[1]! ? starts[0]! : starts[1]!,
    ...(isCounted && { count: a.count + b.count }),
  };
}

/** Losses, one for each place and detail, so that they stay few however long they wait. */
export function mergeLosses(losses: readonly LossRow[]): LossRow[] {
  const merged = new Map<string, LossRow>();
  for (const loss of losses) {
    const earlier = merged.get(key(loss));
    merged.set(key(loss), earlier === undefined ? loss : merge(earlier, loss));
  }
  return [...merged.values()];
}
