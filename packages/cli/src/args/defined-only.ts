/** The fields that are not undefined, as optional properties want it. */
export function definedOnly<T extends object>(
  fields: { readonly [Name in keyof T]: T[Name] | undefined },
): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
