/** Whether a server answers, and whether it knows who asks. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { API, observers } from './client.js';

const answers = signal(true);
const login = signal<string | undefined>(undefined);
const recoveries = signal(0);

/** Whether the last request had an answer. */
export const serverAnswers: ReadonlySignal<boolean> = answers;
/** Why a token is needed; undefined where none is. */
export const loginReason: ReadonlySignal<string | undefined> = login;
/** Grows when the server is back, or somebody has logged in: what failed is to be asked again. */
export const recovery: ReadonlySignal<number> = recoveries;

const LEAST_WAIT_MS = 500;
const MOST_WAIT_MS = 15_000;

let isWaiting = false;

/** Notices failures of all questions from now on. */
export function watchServer(): void {
  observers.onAnswer = () => {
    answers.value = true;
  };
  observers.onFailure = ({ kind, status, message }) => {
    if (status === 401) login.value = message;
    // A proxy answers for a server that does not.
    const isDown = status === 0 || (kind === 'unknown' && status >= 502 && status <= 504);
    if (isDown) waitForServer();
  };
}

/** A token was accepted. */
export function loggedIn(): void {
  login.value = undefined;
  recoveries.value++;
}

function waitForServer(): void {
  answers.value = false;
  if (isWaiting) return;
  isWaiting = true;
  let waitMs = LEAST_WAIT_MS;
  const attempt = async () => {
    try {
      const { ok } = await fetch(`${API}/health`, { cache: 'no-store' });
      if (!ok) throw new Error();
      isWaiting = false;
      answers.value = true;
      recoveries.value++;
    } catch {
      waitMs = Math.min(MOST_WAIT_MS, waitMs * 2);
      setTimeout(attempt, waitMs);
    }
  };
  setTimeout(attempt, waitMs);
}
