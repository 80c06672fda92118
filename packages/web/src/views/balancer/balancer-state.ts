/** What the link says of the view of balancers. */
import { viewParameter } from '../../state/page-state.js';

/** The balancer; empty: the first. */
export const balancerParameter = viewParameter('balancer');
/** The VIP; empty: the first. */
export const vipParameter = viewParameter('vip');
/** The real by its address, of which alone changes are shown; empty: all. */
export const realParameter = viewParameter('real');
/** The client's end of the flow that is looked up. */
export const clientParameter = viewParameter('client');
/** Its other end; empty: the VIP. */
export const destinationParameter = viewParameter('to');
