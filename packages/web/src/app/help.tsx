/** All keys, shown with `?`. */
import { signal } from '@preact/signals';
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { usefulShortcuts } from './shortcuts.js';

const isShown = signal(false);

/** Shows it. */
export function showHelp(): void {
  isShown.value = true;
}

/** The dialog. */
export function Help(): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = isShown.value;
  useEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  return (
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={() => {
        isShown.value = false;
      }}
    >
      <h2 id="help-title">Keys</h2>
      <dl>
        {[...usefulShortcuts(), { keys: '?', help: 'this' }, { keys: 'Esc', help: 'close' }].map(
          ({ keys, help }) => (
            <div key={keys}>
              <dt>
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </dt>
              <dd>{help}</dd>
            </div>
          ),
        )}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
