/** Questions of components, which are asked again when what they are about changes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { pageRange } from '../state/page-range.js';
import { currentFilter } from '../state/page-state.js';
import type { Answers } from './api-types.js';
import { ask, type Parameters } from './client.js';
import { ApiProblem } from './problem.js';
import { recovery } from './server-state.js';

/** What is known of an answer. */
export interface Asked<Answer> {
  /** The last answer, be it to the question before. */
  readonly answer: Answer | undefined;
  /** Why there is no newer one. */
  readonly problem: ApiProblem | undefined;
  /** The answer is to another question than the one that is asked now. */
  readonly isStale: boolean;
}

/**
 * Asks a question about the range and with the filter of the page; again when they or the parameters change, and as time goes on.
 *
 * @param parameters Beside `range` and `filter`, which they may have instead. Undefined: nothing is asked.
 */
export function usePageAnswer<Path extends keyof Answers>(
  path: Path,
  parameters: Parameters | undefined,
): Asked<Answers[Path]> {
  const range = pageRange.value?.text;
  const filter = currentFilter.value;
  const isKnown = range !== undefined && parameters !== undefined;
  return useAnswer(path, isKnown ? { range, filter, ...parameters } : undefined);
}

/**
 * Asks a question; again when the parameters change.
 *
 * @param parameters Undefined: nothing is asked.
 * @param version It is also asked again when this changes.
 */
export function useAnswer<Path extends keyof Answers>(
  path: Path,
  parameters: Parameters | undefined,
  version: string | number = '',
): Asked<Answers[Path]> {
  const [state, setState] = useState<Asked<Answers[Path]>>(nothing);
  const question = parameters === undefined ? undefined : JSON.stringify([path, parameters]);
  const asked = useRef(parameters);
  asked.current = parameters;
  const again = recovery.value;
  // The text of the question stands for its parameters.
  useEffect(() => {
    const wanted = asked.current;
    if (question === undefined || wanted === undefined) return;
    const controller = new AbortController();
    const { signal } = controller;
    let timer: number | undefined;
    const attempt = async () => {
      try {
        const answer = await ask(path, wanted, { signal });
        if (!signal.aborted) setState({ answer, problem: undefined, isStale: false });
      } catch (error) {
        if (signal.aborted) return;
        const problem = error instanceof ApiProblem ? error : ApiProblem.noAnswer();
        setState((before) => ({ ...before, problem }));
        if (problem.retryAfter !== undefined) timer = setTimeout(attempt, problem.retryAfter * 1000);
      }
    };
    setState((before) => ({ ...before, isStale: true }));
    void attempt();
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [question, again, version]);
  return state;
}

const nothing = { answer: undefined, problem: undefined, isStale: true } as const;
