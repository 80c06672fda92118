/** The commands of bpf(2), enum bpf_cmd. */
import { nameFunction, numbersOf, sinceFunction } from './numbering.js';

export const commands = {
  mapCreate: { id: 0, since: '3.18' },
  mapLookupElem: { id: 1, since: '3.18' },
  mapUpdateElem: { id: 2, since: '3.18' },
  mapDeleteElem: { id: 3, since: '3.18' },
  mapGetNextKey: { id: 4, since: '3.18' },
  progLoad: { id: 5, since: '3.18' },
  objPin: { id: 6, since: '4.4' },
  objGet: { id: 7, since: '4.4' },
  progAttach: { id: 8, since: '4.10' },
  progDetach: { id: 9, since: '4.10' },
  progTestRun: { id: 10, since: '4.12' },
  progGetNextId: { id: 11, since: '4.13' },
  mapGetNextId: { id: 12, since: '4.13' },
  progGetFdById: { id: 13, since: '4.13' },
  mapGetFdById: { id: 14, since: '4.13' },
  objGetInfoByFd: { id: 15, since: '4.13' },
  progQuery: { id: 16, since: '4.15' },
  rawTracepointOpen: { id: 17, since: '4.17' },
  btfLoad: { id: 18, since: '4.18' },
  btfGetFdById: { id: 19, since: '4.18' },
  taskFdQuery: { id: 20, since: '4.18' },
  mapLookupAndDeleteElem: { id: 21, since: '4.20' },
  mapFreeze: { id: 22, since: '5.2' },
  btfGetNextId: { id: 23, since: '5.4' },
  mapLookupBatch: { id: 24, since: '5.6' },
  mapLookupAndDeleteBatch: { id: 25, since: '5.6' },
  mapUpdateBatch: { id: 26, since: '5.6' },
  mapDeleteBatch: { id: 27, since: '5.6' },
  linkCreate: { id: 28, since: '5.7' },
  linkUpdate: { id: 29, since: '5.7' },
  linkGetFdById: { id: 30, since: '5.8' },
  linkGetNextId: { id: 31, since: '5.8' },
  enableStats: { id: 32, since: '5.8' },
  iterCreate: { id: 33, since: '5.8' },
  linkDetach: { id: 34, since: '5.9' },
  progBindMap: { id: 35, since: '5.10' },
  tokenCreate: { id: 36, since: '6.9' },
  progStreamReadByFd: { id: 37, since: '6.17' },
} as const;

/**
 * Numbers of the commands of bpf(2), BPF_MAP_CREATE and so on. `since` in the type is the first version of
 * each.
 */
export const Command = numbersOf(commands);

/** `BPF_MAP_CREATE` for 0; `BPF_` and the number for one that has no name here. */
export const commandName = nameFunction('BPF_', Command);
/** The first mainline version that has it; undefined for a number that is not in the table. */
export const commandSince = sinceFunction(commands);
