/** What goes wrong again and again, as on a disk that is full. */

const AGAIN_MS = 60_000;

/** Passes messages on. One that is the same as the last is repeated once a minute. */
export function seldom(
  say: (message: string) => void,
  nowMs: () => number = () => performance.now(),
): (message: string) => void {
  let last: { readonly message: string; readonly atMs: number } | undefined;
  return (message) => {
    if (last?.message === message && nowMs() - last.atMs < AGAIN_MS) return;
    last = { message, atMs: nowMs() };
    say(message);
  };
}
