/** The header Authorization. Pure. */

/** The token in a header; undefined for a header of another form. */
export function bearerToken(authorization: string): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}
