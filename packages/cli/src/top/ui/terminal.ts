/** A terminal on which the UI can be shown. */
import type { ReadStream } from 'node:tty';
import type { OutputStream } from '../../output/output.js';

export interface Terminal {
  readonly stdin: ReadStream;
  readonly stdout: OutputStream;
}
