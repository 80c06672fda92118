/** What a collector that starts finds of the one before it: a run to go on with, or a server to be ended. */
import { closeSync } from 'node:fs';
import type { TracerOptions } from '@weir/tracer';
import {
  clearStored,
  fingerprintOf,
  type Handover,
  type ResumeTracer,
  resumeRun,
} from '../handover/handover.js';
import { programsDigest } from '../handover/programs-digest.js';
import { earlierServer, endEarlierServer, isServer } from './earlier-server.js';
import type { ServePaths } from './paths.js';
import { keptNumber } from './server-child.js';
import type { ServiceUser } from './service-user.js';

export interface EarlierRunRequest {
  /** Version of Weir. */
  readonly version: string;
  readonly paths: ServePaths;
  /** The server's user, where it is not this process's. */
  readonly user: ServiceUser | undefined;
  /** Descriptors of sockets that listen already. */
  readonly inherited?: readonly number[];
  /** Descriptors that the service manager has kept. They are closed. */
  readonly stored?: readonly number[];
  readonly tracing: TracerOptions;
  readonly resume?: ResumeTracer;
  /** Given undefined where what is kept is of no use any more. */
  readonly onHeld?: (fd: number | undefined) => void;
  readonly say: (line: string) => void;
}

export interface EarlierRun {
  /** What this collector's run has in common with those that can go on with it. */
  readonly fingerprint: string;
  /** The run to go on with; its server still runs. Undefined: a new one begins, and no server runs. */
  readonly resumed: Handover | undefined;
}

/** Finds it. @throws OptionError, Error of the system */
export async function findEarlierRun(request: EarlierRunRequest): Promise<EarlierRun> {
  const { version, paths, user, inherited, stored = [], tracing, resume, say } = request;
  const fingerprint = fingerprintOf(
    version,
    resume && programsDigest(),
    user,
    inherited,
    describable(tracing),
  );
  const uid = user?.uid ?? process.geteuid?.() ?? 0;
  const resumed =
    resume &&
    resumeRun({
      ...{ paths, fingerprint, options: tracing, resume, say },
      announced: earlierServer(paths.pid, uid),
      isServer: (pid) => isServer(pid, uid, process.geteuid?.() ?? 0),
      fd: keptNumber(inherited),
      stored,
    });
  if (resumed === undefined && stored.length > 0) {
    clearStored(stored);
    request.onHeld?.(undefined);
  }
  for (const fd of stored) closeSync(fd);
  if (resumed?.holder === undefined) await endEarlierServer(paths, uid);
  return { fingerprint, resumed };
}

/** Options as JSON has them. */
function describable({ btf, features: _, signal: __, ...options }: TracerOptions): object {
  return { ...options, hasBtf: btf !== undefined };
}
