/** The reason why a kernel lacks something: it is too old, or was built or started without it. */
import { UnsupportedError } from '../errors.js';
import { type KernelVersion, kernelAtLeast, kernelVersion } from '../sys/kernel-version.js';

/**
 * The error for something that the running kernel lacks.
 *
 * @param since The first mainline version that has it. Where the running kernel is not older, the version is not what is lacking.
 * @param advice Ends the error's message.
 */
export function unsupported(
  feature: string,
  since: string | undefined,
  advice?: string,
  running: KernelVersion = kernelVersion(),
): UnsupportedError {
  if (since === undefined || !kernelAtLeast(since, running))
    return new UnsupportedError(feature, since, advice);
  const why = `Linux ${since} brought it, so this kernel was built or started without it`;
  return new UnsupportedError(feature, undefined, advice === undefined ? why : `${why}; ${advice}`);
}
