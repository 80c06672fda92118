/** Messages of the library in the words of a configuration file and of the command line. */
import { configKeys } from '@weir/balancer/config';

/** `flows 9: … (forgetFlows allows it)` becomes `options.flows 9: … (--forget-flows allows it)`. */
export function inFileWords(message: string): string {
  const [, option = ''] = /^(\w+)\b/.exec(message) ?? [];
  const placed = configKeys.options.includes(option) ? `options.${message}` : message;
  return placed.replace('forgetFlows allows it', '--forget-flows allows it');
}
