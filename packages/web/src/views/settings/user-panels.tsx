/** Who asks, how others get a token, and what this browser keeps. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import type { Role, StatusAnswer } from '../../api/api-types.js';
import { logIn, logOut } from '../../api/client.js';
import { loggedIn } from '../../api/server-state.js';
import type { Asked } from '../../api/use-answer.js';
import { Name } from '../../parts/name.js';
import { Panel } from '../../parts/panel.js';
import { type ThemeChoice, themeChoice } from '../../parts/theme.js';
import { SettingsList } from './settings-list.js';

const may: Readonly<Record<Role, string>> = {
  read: 'may use all views but SQL',
  sql: 'may use all views',
  admin: 'may use all views, and import files',
};

/** The name under which the server knows clients without a token. */
const NOBODY = 'anonymous';

/** Who asks. */
export function YouPanel({ status }: { readonly status: Asked<StatusAnswer> }): VNode {
  const you = status.answer?.you;
  const token = useSignal('');
  const said = useSignal<{ readonly text: string; readonly isBad: boolean } | undefined>(undefined);
  const attempt = async (what: () => Promise<void>, text: string) => {
    try {
      await what();
      said.value = { text, isBad: false };
      token.value = '';
      // All that was asked before is asked again, as somebody else.
      loggedIn();
    } catch (error) {
      said.value = { text: (error as Error).message, isBad: true };
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    void attempt(async () => {
      // A header has no other characters, and tokens have none.
      if (!/^[\w-]+$/.test(token.value.trim())) throw new Error('This is no token of Weir.');
      await logIn(token.value.trim());
    }, 'Logged in.');
  };
  return (
    <Panel title="You" asked={status}>
      {you !== undefined && (
        <SettingsList
          list={[
            {
              name: 'Name',
              value: you.name === NOBODY ? 'nobody: no token is needed here' : <Name name={you.name} />,
            },
            { name: 'Role', value: `${you.role}: ${may[you.role]}` },
          ]}
        />
      )}
      <form class="settings-form" onSubmit={submit}>
        <label for="settings-token">Another token</label>
        <input
          id="settings-token"
          type="password"
          autocomplete="current-password"
          required
          value={token.value}
          onInput={({ currentTarget }) => {
            token.value = currentTarget.value;
          }}
        />
        <button type="submit">Log in</button>
        <button type="button" onClick={() => attempt(logOut, 'Logged out.')}>
          Log out
        </button>
      </form>
      {said.value !== undefined && (
        <p class={`notice ${said.value.isBad ? 'is-bad' : ''}`} role="status">
          {said.value.text}
        </p>
      )}
    </Panel>
  );
}

/** How tokens are made. */
export function TokensPanel({ role }: { readonly role: Role | undefined }): VNode {
  return (
    <Panel title="Tokens">
      <p>
        Tokens are made on the host, not here: who gets into this page must not be able to make more of them.
      </p>
      <pre class="settings-code">
        {[
          'sudo weir serve token add grafana > grafana.token',
          'sudo weir serve token add ops --role sql --expires 90d',
          'sudo weir serve token list',
          'sudo weir serve token remove grafana',
        ].join('\n')}
      </pre>
      <p class="muted">
        A token is shown once. As soon as there is one, everybody needs one.
        {role !== undefined && role !== 'admin' && ' Roles are read, sql and admin.'}
      </p>
    </Panel>
  );
}

const themes: readonly (readonly [ThemeChoice, string])[] = [
  ['auto', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];
const OWN_KEYS = 'weir.';

/** What this browser keeps. */
export function BrowserPanel(): VNode {
  const version = useSignal(0);
  void version.value;
  const kept = keptKeys();
  return (
    <Panel title="This browser">
      <fieldset class="segments" aria-label="Theme">
        {themes.map(([choice, title]) => (
          <button
            key={choice}
            type="button"
            aria-pressed={themeChoice.value === choice}
            onClick={() => {
              themeChoice.value = choice;
            }}
          >
            {title}
          </button>
        ))}
      </fieldset>
      <p>
        It keeps filters and statements that were used, saved statements, and how views were set up. None of
        it leaves this browser.
      </p>
      <button
        type="button"
        disabled={kept.length === 0}
        onClick={() => {
          for (const key of kept) localStorage.removeItem(key);
          version.value++;
        }}
      >
        Forget all of it
      </button>
    </Panel>
  );
}

function keptKeys(): string[] {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(OWN_KEYS) && key !== 'weir.theme');
  } catch {
    // A browser may keep nothing.
    return [];
  }
}
