/** The few colours that Weir uses on a terminal, and the choice whether to use them. */

export const colourModes = ['auto', 'always', 'never'] as const;
export type ColourMode = (typeof colourModes)[number];

/** Select Graphic Rendition parameters (ECMA-48). */
const codes = {
  bold: [1, 22],
  dim: [2, 22],
  inverse: [7, 27],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof codes;
/** Puts a string in a style, or leaves it as it is where there are no colours. */
export type Paint = (style: Style, text: string) => string;

export const noColour: Paint = (_, text) => text;
export const ansiColour: Paint = (style, text) => `\x1b[${codes[style][0]}m${text}\x1b[${codes[style][1]}m`;

/**
 * Returns the paint for a stream. `auto` colours on a terminal that can, unless NO_COLOR is set; FORCE_COLOR overrides
 * both, as in Node.js itself.
 */
export function wantsColour(mode: ColourMode, isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (mode !== 'auto') return mode === 'always';
  const forced = env.FORCE_COLOR;
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return isTerminal && env.TERM !== 'dumb';
}

export function paintFor(mode: ColourMode, isTerminal: boolean, env: NodeJS.ProcessEnv): Paint {
  return wantsColour(mode, isTerminal, env) ? ansiColour : noColour;
}
