/** Which sources of names there are on a host, for `weir doctor`. */
import { accessSync, constants } from 'node:fs';
import type { ContainerSourceReport } from '../../report.js';
import { type ContainerSource, containerSources } from './sources.js';

/** @param root Where the host's files are. */
export function describeContainerSources(root?: string): readonly ContainerSourceReport[] {
  return containerSources(root).map(describeSource);
}

function describeSource(source: ContainerSource): ContainerSourceReport {
  const { name } = source;
  let refused: ContainerSourceReport | undefined;
  const places = source.places();
  for (const path of places) {
    const error = accessError(path);
    if (error === undefined) return { name, path, state: 'present' };
    if (error !== 'ENOENT' && error !== 'ENOTDIR')
      refused ??= { name, path, state: 'unknown', reason: error };
  }
  const [remote] = source.remotePlaces?.() ?? [];
  if (remote !== undefined)
    refused ??= { name, path: remote, state: 'unknown', reason: 'on a file system of another host' };
  return refused ?? { name, ...(places[0] !== undefined && { path: places[0] }), state: 'absent' };
}

function accessError(path: string): string | undefined {
  // A socket is asked by writing to it; in a folder, files are opened by their names.
  const mode = path.endsWith('.sock') ? constants.W_OK : constants.X_OK;
  try {
    accessSync(path, mode);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
