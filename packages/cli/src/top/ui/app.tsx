/** The screen's lines in the terminal, and keys from it, with Ink. */
import { type Instance, render, Text, Transform, useInput } from 'ink';
import { useSyncExternalStore } from 'react';
import type { Store } from '../screen/store.js';
import { keysOf } from './input.js';

export interface Streams {
  readonly stdin: NodeJS.ReadStream;
  /** Is given every frame as a whole. */
  readonly stdout: NodeJS.WritableStream;
}

export function mount(store: Store, { stdin, stdout }: Streams): Instance {
  return render(<App store={store} />, {
    stdin,
    stdout: stdout as NodeJS.WriteStream,
    // Every frame as a whole, and no sequences of Ink's own between them: it erases what it wrote line by line, and does
    // not know of a screen's height.
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
}

function App({ store }: { readonly store: Store }) {
  const lines = useSyncExternalStore(store.subscribe, store.lines);
  useInput((input, key) => {
    for (const pressed of keysOf(input, key)) store.press(pressed);
  });
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
