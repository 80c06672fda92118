/** Roles of those who ask a balancer, over the control sockets and the API. Pure. */

/** From the least to the most; each may do what those before it may. */
export const balancerRoles = ['read', 'drain', 'apply'] as const;

/** `read` only sees; `drain` also drains reals; `apply` may do everything. */
export type BalancerRole = (typeof balancerRoles)[number];

/** Whether a role includes another. */
export function includesRole(role: BalancerRole, needed: BalancerRole): boolean {
  return balancerRoles.indexOf(role) >= balancerRoles.indexOf(needed);
}
