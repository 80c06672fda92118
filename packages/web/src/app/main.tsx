/** Where the page begins. */
import { render } from 'preact';
import { watchServer } from '../api/server-state.js';
import { followFilter } from '../filter/filter-input.js';
import { followSums } from '../live/live-sums.js';
import { followTheme } from '../parts/theme.js';
import { followBalancer } from '../state/balancer-known.js';
import { followHosts } from '../state/follow-hosts.js';
import { followRange } from '../state/page-range.js';
import { followAddress } from '../state/page-state.js';
import { followHistory } from '../time/history-span.js';
import { followMoves } from '../time/moves.js';
import { showHelp } from './help.js';
import { Shell } from './shell.js';
import { followKeys } from './shortcuts.js';

followTheme();
followAddress();
watchServer();
followRange();
followSums();
followHistory();
followMoves();
followBalancer();
followHosts();
followFilter();
followKeys(showHelp);
render(<Shell />, document.getElementById('app')!);
