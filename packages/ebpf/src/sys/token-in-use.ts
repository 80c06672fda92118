/** The BPF token by which this process creates maps and loads programs and types. */

/** BPF_F_TOKEN_FD, among the flags of maps, programs and types alike: the token's descriptor counts. */
const TOKEN_FLAG = 1 << 16;

/** Uses that have not ended; the last one counts. */
const uses: { readonly fd: number }[] = [];

/** Whether there is one. */
export function usesToken(): boolean {
  return uses.length > 0;
}

/** Has a token used, by its descriptor, until what is returned is disposed of: then the last one before it that is still in use, if any. */
export function setToken(fd: number): Disposable {
  const use = { fd };
  uses.push(use);
  return {
    [Symbol.dispose]: () => {
      const index = uses.indexOf(use);
      if (index >= 0) uses.splice(index, 1);
    },
  };
}

/** The token's descriptor, with the flags that have it count; without a token, the flags as they are. */
export function withToken(flags: number | undefined): { fd: number | undefined; flags: number | undefined } {
  const fd = uses.at(-1)?.fd;
  return { fd, flags: fd === undefined ? flags : (flags ?? 0) | TOKEN_FLAG };
}
