/** From what the experiments saw to the offsets of fields. Pure: rather than guess, it says that a field is not found. */

import type { DiscoveredField, FieldName } from './fields.js';
import type { Observations } from './observations.js';
import { Findings } from './search.js';
import { solveCommon } from './solve-common.js';
import { solvePointers } from './solve-pointers.js';
import { solveSock } from './solve-sock.js';
import { solveTask } from './solve-task.js';
import { solveTcp } from './solve-tcp.js';

export interface Solution {
  readonly found: readonly DiscoveredField[];
  /** Why a field was not found. */
  readonly missing: ReadonlyMap<FieldName, string>;
  /** Missing fields for which values were known: what was seen is not as it should be. */
  readonly contradicted: ReadonlySet<FieldName>;
}

/** Solves every field; in an order in which later ones can use earlier ones. */
export function solve(observations: Observations): Solution {
  const findings = new Findings(observations);
  solveCommon(findings);
  solveSock(findings);
  solveTcp(findings);
  solvePointers(findings);
  solveTask(findings);
  return findings;
}
