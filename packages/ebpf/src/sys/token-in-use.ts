/** The BPF token by which this process creates maps and loads programs and types. */

/** BPF_F_TOKEN_FD, among the flags of maps, programs and types alike: the token's descriptor counts. */
const TOKEN_FLAG = 1 << 16;

let current: number | undefined;

/** Whether there is one. */
export function usesToken(): boolean {
  return current !== undefined;
}

/** Has a token used, by its descriptor, until what is returned is disposed of: then the one before it, if any. */
export function setToken(fd: number): Disposable {
  const before = current;
  current = fd;
  return {
    [Symbol.dispose]: () => {
      if (current === fd) current = before;
    },
  };
}

/** The token's descriptor, with the flags that have it count; without a token, the flags as they are. */
export function withToken(flags: number | undefined): { fd: number | undefined; flags: number | undefined } {
  return { fd: current, flags: current === undefined ? flags : (flags ?? 0) | TOKEN_FLAG };
}
