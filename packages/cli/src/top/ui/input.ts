/** From what Ink says of the keyboard to keys. */
import type { Key as InkKey } from 'ink';
import type { Key } from '../screen/keys.js';

/** What was typed fast, or pasted, comes as one text: it is as many keys. */
export function keysOf(input: string, key: Partial<InkKey>): Key[] {
  const name = nameOf(key);
  if (name !== undefined) return [{ text: '', name, ...(key.ctrl && { ctrl: true }) }];
  if (key.ctrl) return [{ text: input, ctrl: true }];
  return [...input].map(keyOfCharacter);
}

function keyOfCharacter(character: string): Key {
  if (character === '\r' || character === '\n') return { text: '', name: 'enter' };
  if (character === '\x7f' || character === '\b') return { text: '', name: 'backspace' };
  if (character === '\x1b') return { text: '', name: 'escape' };
  const code = character.codePointAt(0)!;
  // Ctrl-A is 1, and so on.
  if (code >= 1 && code <= 26) return { text: String.fromCharCode(96 + code), ctrl: true };
  return { text: character };
}

function nameOf(key: Partial<InkKey>): Key['name'] {
  if (key.upArrow) return 'up';
  if (key.downArrow) return 'down';
  if (key.leftArrow) return 'left';
  if (key.rightArrow) return 'right';
  if (key.pageUp) return 'pageup';
  if (key.pageDown) return 'pagedown';
  if (key.home) return 'home';
  if (key.end) return 'end';
  if (key.return) return 'enter';
  if (key.escape) return 'escape';
  return key.backspace || key.delete ? 'backspace' : undefined;
}
