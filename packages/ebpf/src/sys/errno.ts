/** Errors of the kernel that user space has no names for. */

/** "Operation is not supported": how BPF answers for what a kind of map or program does not have. */
export const ENOTSUPP = 524;
