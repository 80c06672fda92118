export { flowHash, flowSlot, type HashedFlow, RING_SIZE } from './hash/flow.js';
export { addressSeed } from './hash/seed.js';
export { buildRing, NO_REAL, type RingMember, type RingVersion } from './ring.js';
