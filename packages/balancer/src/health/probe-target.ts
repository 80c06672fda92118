/** What a check is given, and what it finds. */
import type { CompleteCheck } from './check.js';

/** A real and its check. */
export interface ProbeTarget {
  /** The real's address. */
  readonly address: string;
  readonly check: CompleteCheck;
  /** The socket mark that leads through the tunnel to the real. */
  readonly mark: number | undefined;
  /** Whether the mark leads to the real without a tunnel. */
  readonly isDirect?: true;
}

/** Result of a check. */
export interface ProbeResult {
  readonly ok: boolean;
  /** The finding, in a few words of plain ASCII. */
  readonly reason: string;
  /** When the certificate expires that the real has shown; undefined without TLS. */
  readonly certificateExpires?: Date | undefined;
}

/** Checks a real once. The promise never rejects. */
export type Probe = (target: ProbeTarget) => Promise<ProbeResult>;
