/** What an agent on a real says about it, in the words of HAProxy's agent-check. Pure functions. */

/** What is known from an agent. */
export interface AgentState {
  /** The agent says that the real is down, failed or stopped. */
  readonly isDown: boolean;
  /** The agent wants no new flows. */
  readonly isDrained: boolean;
  /** Share of the configured weight; 0 to 2.56. */
  readonly share: number;
}

/** No agent has said anything. */
export const silentAgent: AgentState = { isDown: false, isDrained: false, share: 1 };

/** HAProxy's weights end at 256. */
const MOST_PERCENT = 256;

/**
 * The state after an answer. Words are separated by blanks or commas; those that are not known are ignored, and what no word is about
 * stays. Undefined if no word is known.
 */
export function afterAgentAnswer(before: AgentState, line: string): AgentState | undefined {
  let state = before;
  let isKnown = false;
  for (const word of line.split(/[\s,]+/)) {
    const next = afterWord(state, word.toLowerCase());
    isKnown ||= next !== undefined;
    state = next ?? state;
  }
  return isKnown ? state : undefined;
}

function afterWord(state: AgentState, word: string): AgentState | undefined {
  const percent = /^(\d{1,3})%$/.exec(word)?.[1];
  if (percent !== undefined) return { ...state, share: Math.min(Number(percent), MOST_PERCENT) / 100 };
  // Behind a `#` comes a remark.
  switch (word.replace(/#.*$/, '')) {
    case 'up':
      return { ...state, isDown: false };
    case 'down':
    case 'fail':
    case 'failed':
    case 'stopped':
      return { ...state, isDown: true };
    case 'ready':
      return { ...state, isDrained: false };
    case 'drain':
    case 'maint':
      return { ...state, isDrained: true };
    default:
      return undefined;
  }
}

/** The share of its weight that a real gets; 0: no new flows. */
export function shareOf({ isDrained, share }: AgentState): number {
  return isDrained ? 0 : share;
}

/** `down, 75%`; undefined where the agent leaves all as it is. */
export function agentText({ isDown, isDrained, share }: AgentState): string | undefined {
  const words = [
    ...(isDown ? ['down'] : []),
    ...(isDrained ? ['drain'] : []),
    ...(share === 1 ? [] : [`${Math.round(share * 100)}%`]),
  ];
  return words.length === 0 ? undefined : words.join(', ');
}
