/** Commands that an entry of one command does not hold. bin/weir.js starts it for no other, so they never run. */
import type { Commands } from '../commands.js';

async function elsewhere(): Promise<never> {
  throw new Error('this entry is that of another command');
}

export const commandsElsewhere: Commands = {
  trace: elsewhere,
  top: elsewhere,
  query: elsewhere,
  serve: elsewhere,
  doctor: elsewhere,
  balance: elsewhere,
  completion: elsewhere,
};
