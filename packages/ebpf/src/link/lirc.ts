/** Programs that decode what an infrared receiver hears (4.18, CONFIG_BPF_LIRC_MODE2). */
import { closeSync, constants as fileConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { ProgramHandle } from '../program/program-handle.js';
import { AttachType } from '../uapi/attach-types.js';
import { ProgramType } from '../uapi/program-types.js';
import { DetachableLink } from './detachable.js';
import type { Link } from './link.js';
import { requireType } from './program-kind.js';

/**
 * Attaches to an infrared receiver (4.18). The kernel keeps the program when this process dies.
 * @param device Its path, such as `/dev/lirc0`.
 * @throws SyscallError; the file system's error if the device cannot be opened.
 */
export function attachLirc(program: ProgramHandle, device: string): Link {
  requireType(program, 'attachLirc', ProgramType.lircMode2);
  const fd = openSync(device, fileConstants.O_RDONLY | fileConstants.O_NONBLOCK);
  try {
    return new DetachableLink('lirc', program, fd, AttachType.lircMode2, {
      replaces: 'never',
      advice: (errno) =>
        errno === constants.errno.EINVAL || errno === constants.errno.ENOTTY
          ? `${device} has to be a receiver in the mode of pulses and spaces, on a kernel with CONFIG_BPF_LIRC_MODE2`
          : undefined,
    });
  } finally {
    closeSync(fd);
  }
}
