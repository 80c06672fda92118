/** Copies the selected cells, and says that it has. */
import type { VNode } from 'preact';

/** What it has. */
export interface CopyButtonProps {
  readonly disabled: boolean;
  /** What is said about the last copy; empty before. */
  readonly message: string;
  readonly onCopy: () => void;
}

/** Shows it. */
export function CopyButton({ disabled, message, onCopy }: CopyButtonProps): VNode {
  return (
    <>
      <button type="button" class="quiet" disabled={disabled} onClick={onCopy}>
        Copy
      </button>
      <span class="muted" role="status">
        {message}
      </span>
    </>
  );
}
