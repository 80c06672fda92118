export { type BootOptions, type BootResult, boot, LabError, shell } from './boot.js';
export { type Kernel, type KernelSeries, kernel, kernels } from './kernels.js';
export { buildLoad, type LoadPrograms } from './load.js';
export { cache, repository } from './paths.js';
export { guestRepository } from './project.js';
export { qemu } from './qemu.js';
