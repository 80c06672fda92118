/** The frame of every view: navigation, filter, time. */
import type { VNode } from 'preact';
import { currentView, linkTo } from '../state/page-state.js';
import { routeOf, routes } from './routes.js';
import { ViewOutlet } from './view-outlet.js';

/** The page. */
export function Shell(): VNode {
  const view = currentView.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="top">
        <a class="brand" href={linkTo({ view: 'overview' })}>
          Weir
        </a>
        <nav aria-label="Views">
          {routes
            .filter(({ isListed }) => isListed)
            .map(({ name, title }) => (
              <a key={name} href={linkTo({ view: name })} aria-current={name === view ? 'page' : undefined}>
                {title}
              </a>
            ))}
        </nav>
      </header>
      <main id="main" tabIndex={-1} aria-label={routeOf(view).title}>
        <ViewOutlet />
      </main>
    </>
  );
}
