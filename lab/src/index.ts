export { type BootOptions, type BootResult, boot, LabError, shell } from './guest/boot.js';
export { guestRepository } from './guest/project.js';
export { qemu } from './guest/qemu.js';
export { type Kernel, type KernelSeries, kernel, kernels } from './kernels/kernels.js';
export { buildLoad, type LoadPrograms } from './load.js';
export { newestMajor, nodeExecutable, nodeVersion } from './node-versions.js';
export { cache, repository } from './paths.js';
