/** The cookie in which a browser keeps a token. Pure. */

/** Its name. */
export const SESSION_COOKIE = 'weir_token';

/** The token in a Cookie header; undefined where there is none. */
export function sessionToken(header: string | undefined): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const [name, value] = part.trim().split('=', 2);
    if (name === SESSION_COOKIE && value !== undefined && value !== '') return value;
  }
  return undefined;
}
