/** The screen's lines in the terminal, and keys from it, with Ink. */
import { type Key as InkKey, type Instance, render, Text, Transform, useInput } from 'ink';
import { useSyncExternalStore } from 'react';
import type { Key } from '../screen/keys.js';
import type { Store } from '../screen/store.js';

/** Terminals that a UI can be shown on. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
}

export function mount(store: Store, { stdin, stdout }: Terminal, debug = false): Instance {
  return render(<App store={store} />, {
    ...{ stdin, stdout, debug },
    // Only lines that changed are written: what a screen over ssh should cost.
    incrementalRendering: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
}

function App({ store }: { readonly store: Store }) {
  const lines = useSyncExternalStore(store.subscribe, store.lines);
  useInput((input, key) => store.press(keyOf(input, key)));
  return <Lines lines={lines} />;
}

/**
 * Ink remembers each text that it has ever measured and wrapped. So it is given the same text all the time, which only
 * says how many lines there are, and these take their place when they are written.
 */
function Lines({ lines }: { readonly lines: readonly string[] }) {
  return (
    <Transform transform={(_, index) => lines[index] ?? ''}>
      <Text>{lines.map(() => '.').join('\n')}</Text>
    </Transform>
  );
}

function keyOf(input: string, key: InkKey): Key {
  const name = nameOf(key);
  return { text: input, ctrl: key.ctrl, ...(name !== undefined && { name }) };
}

function nameOf(key: InkKey): Key['name'] {
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
