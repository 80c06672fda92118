/** Names of groups of networks. Pure. */

const LONGEST = 64;

/** What a name has to be, for messages. */
export const NAME_RULE = `a name has 1 to ${LONGEST} characters, none of them a control character`;

/** Whether a text cannot be the name of a group. */
export function nameProblem(name: string): boolean {
  return name.length === 0 || name.length > LONGEST || /[\p{Cc}\p{Surrogate}\u2028\u2029]/u.test(name);
}
