/** Asks for a token where the server wants one. */
import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { logIn } from '../api/client.js';
import type { ApiProblem } from '../api/problem.js';
import { loggedIn } from '../api/server-state.js';

/** The form, in place of the views. */
export function Login(): VNode {
  const token = useSignal('');
  const problem = useSignal<string | undefined>(undefined);
  const isBusy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    isBusy.value = true;
    try {
      // A header has no other characters, and tokens have none.
      if (!/^[\w-]+$/.test(token.value.trim())) throw new Error('This is no token of Weir.');
      await logIn(token.value.trim());
      loggedIn();
    } catch (error) {
      problem.value = (error as ApiProblem | Error).message;
    }
    isBusy.value = false;
  };
  return (
    <main class="login" id="main" tabIndex={-1}>
      <form onSubmit={submit}>
        <h1>Weir</h1>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="current-password"
          required
          aria-describedby="token-help"
          value={token.value}
          onInput={({ currentTarget }) => {
            token.value = currentTarget.value;
          }}
        />
        {problem.value !== undefined && (
          <p class="notice is-bad" role="alert">
            {problem.value}
          </p>
        )}
        <button type="submit" class="primary" disabled={isBusy.value}>
          Log in
        </button>
        <p id="token-help" class="muted">
          <code>sudo weir serve token add NAME</code> on the host makes one. It is kept in a cookie that
          scripts cannot read.
        </p>
      </form>
    </main>
  );
}
