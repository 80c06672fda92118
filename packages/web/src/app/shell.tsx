/** The frame of every view: navigation, filter, time. */
import type { VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { loginReason, serverAnswers } from '../api/server-state.js';
import { FilterBar } from '../filter/filter-bar.js';
import { nextTheme, themeChoice } from '../parts/theme.js';
import { currentView, linkTo } from '../state/page-state.js';
import { Brush } from '../time/brush.js';
import { TimeBar } from '../time/time-bar.js';
import { Banners } from './banners.js';
import { Help, showHelp } from './help.js';
import { Login } from './login.js';
import { listedRoutes, routeOf } from './routes.js';
import { ViewOutlet } from './view-outlet.js';

/** The page. */
export function Shell(): VNode {
  const view = currentView.value;
  const { title } = routeOf(view);
  useEffect(() => {
    document.title = `${title} · Weir`;
  }, [title]);
  if (loginReason.value !== undefined) return <Login />;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <div class="top-row">
          <a class="brand" href={linkTo({ view: 'overview' })}>
            <Logo />
            Weir
          </a>
          <nav aria-label="Views">
            {listedRoutes().map(({ name, title: text }) => (
              <a key={name} href={linkTo({ view: name })} aria-current={name === view ? 'page' : undefined}>
                {text}
              </a>
            ))}
          </nav>
          <div class="top-tools">
            <button type="button" class="quiet" onClick={nextTheme} title="Light, dark, or as the system  t">
              {themeChoice.value === 'auto' ? 'Auto' : themeChoice.value === 'dark' ? 'Dark' : 'Light'}
            </button>
            <button type="button" class="quiet" onClick={showHelp} aria-label="Keys" title="Keys  ?">
              ?
            </button>
          </div>
        </div>
        <div class="top-row is-asking">
          <FilterBar />
          <TimeBar />
        </div>
        <Brush />
      </header>
      <main id="main" tabIndex={-1} class={serverAnswers.value ? '' : 'is-old'}>
        <h1 class="only-read">{title}</h1>
        <Banners />
        <ViewOutlet />
      </main>
      <Help />
    </>
  );
}

function Logo(): VNode {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true">
      <path d="M1 6c3-3 6-3 9 0s6 3 9 0M1 11c3-3 6-3 9 0s6 3 9 0M1 16c3-3 6-3 9 0s6 3 9 0" />
    </svg>
  );
}
