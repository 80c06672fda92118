/** What is wrong with reals to which packets go directly. Pure. */
import type { DirectRealStatus } from '../next-hop/direct-reals.js';

/** A line for each real whose MAC address is not known, or no longer confirmed. */
export function neighbourAdvice(reals: readonly DirectRealStatus[]): string[] {
  return reals.flatMap(({ address, state }) => {
    if (state === 'known') return [];
    const consequence =
      state === 'lost' ? 'packets to it go to its last MAC address' : 'packets to it are dropped';
    return [
      `real ${address} does not answer on any network of this host, so ${consequence}: check whether it is up, and its ` +
        'address; a real behind a router needs a tunnel or NAT',
    ];
  });
}
