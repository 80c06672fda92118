/** What a client may do. Pure. */

/** From the least to the most; each may do what those before it may. */
export const roles = ['read', 'sql', 'admin'] as const;

/** `read` asks questions, `sql` also in SQL, `admin` also changes what is stored and who may ask. */
export type Role = (typeof roles)[number];

/** Whether a role includes another. */
export function includesRole(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** Who asks. */
export interface Principal {
  /** The name of the token, or of the user whom a proxy names. */
  readonly name: string;
  readonly role: Role;
  /** How that is known: by a token, by a proxy, because only this host reaches the address, or by the socket's permissions. */
  readonly by: 'token' | 'proxy' | 'loopback' | 'socket';
}
