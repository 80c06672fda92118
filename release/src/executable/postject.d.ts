/** Types of what is used of postject, which has none. */
declare module 'postject' {
  /** Puts data into an executable, as a note that Node.js finds. */
  export function inject(
    path: string,
    resource: string,
    data: Buffer,
    options: { readonly sentinelFuse: string },
  ): Promise<void>;
}
