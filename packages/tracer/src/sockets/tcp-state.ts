/** States of TCP sockets, by their numbers in include/net/tcp_states.h. UDP sockets are `established` (connected) or `close`. */

export const TcpState = {
  established: 1,
  syn_sent: 2,
  syn_recv: 3,
  fin_wait1: 4,
  fin_wait2: 5,
  time_wait: 6,
  close: 7,
  close_wait: 8,
  last_ack: 9,
  listen: 10,
  closing: 11,
  new_syn_recv: 12,
} as const;

/** Name of a TCP state, as records and connections have it. */
export type TcpStateName = keyof typeof TcpState;

const names: readonly (TcpStateName | undefined)[] = (() => {
  const list: (TcpStateName | undefined)[] = [];
  for (const [name, number] of Object.entries(TcpState)) list[number] = name as TcpStateName;
  return list;
})();

/** undefined for a number that is no state of this list. */
export function stateName(state: number): TcpStateName | undefined {
  return names[state];
}

/** A bit for each state, as sock_diag's requests want them. */
export function stateMask(...states: readonly TcpStateName[]): number {
  return states.reduce((mask, name) => mask | (1 << TcpState[name]), 0);
}

/** A connection of these states has both ends, and counters; one in TIME_WAIT has neither process nor counters any more. */
export const liveStates = stateMask(
  'established',
  'syn_sent',
  'syn_recv',
  'fin_wait1',
  'fin_wait2',
  'close_wait',
  'last_ack',
  'closing',
);
