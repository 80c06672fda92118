/** Where the page begins. */
import { render } from 'preact';
import { followAddress } from '../state/page-state.js';
import { Shell } from './shell.js';

followAddress();
render(<Shell />, document.getElementById('app')!);
