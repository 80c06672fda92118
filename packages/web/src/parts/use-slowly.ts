/** Values that change more often than what depends on them is worth. */
import { useRef } from 'preact/hooks';

/**
 * The value as it was at most so long ago.
 *
 * @param key Where it differs, the value is that of now.
 */
export function useSlowly<Value>(value: Value, key: string, ms: number): Value {
  const kept = useRef<{ readonly value: Value; readonly key: string; readonly atMs: number } | undefined>(
    undefined,
  );
  const now = performance.now();
  const isOld = kept.current === undefined || kept.current.key !== key || now - kept.current.atMs >= ms;
  if (isOld) kept.current = { value, key, atMs: now };
  return kept.current!.value;
}
