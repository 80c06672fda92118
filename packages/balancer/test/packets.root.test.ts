/**
 * How the program handles packets: every row of docs/balancer.md. One process runs all tests, so that the program is
 * loaded once for each set of options, which takes seconds in a guest.
 */
import './packets/flows.js';
import './packets/forward.js';
import './packets/icmp.js';
import './packets/ids.js';
import './packets/known-flows.js';
import './packets/malformed.js';
import './packets/nat.js';
import './packets/tunnels.js';
