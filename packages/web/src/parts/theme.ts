/** Light or dark. */
import { computed, effect, signal } from '@preact/signals';

/** What the reader wants; `auto`: as the system. */
export type ThemeChoice = 'auto' | 'light' | 'dark';

const KEY = 'weir.theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const isSystemDark = signal(systemDark.matches);
systemDark.addEventListener('change', ({ matches }) => {
  isSystemDark.value = matches;
});

function remembered(): ThemeChoice {
  try {
    const found = localStorage.getItem(KEY);
    return found === 'light' || found === 'dark' ? found : 'auto';
  } catch {
    return 'auto';
  }
}

/** The choice. */
export const themeChoice = signal<ThemeChoice>(remembered());
/** Whether it is dark. Canvases, which know no styles, are drawn anew when it changes. */
export const isDark = computed(() =>
  themeChoice.value === 'auto' ? isSystemDark.value : themeChoice.value === 'dark',
);

/** Applies the choice, and keeps it, until the page is closed. */
export function followTheme(): void {
  effect(() => {
    const choice = themeChoice.value;
    document.documentElement.dataset.theme = isDark.value ? 'dark' : 'light';
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // A browser may keep nothing.
    }
  });
}

/** The next of auto, light, dark. */
export function nextTheme(): void {
  const choices: readonly ThemeChoice[] = ['auto', 'light', 'dark'];
  themeChoice.value = choices[(choices.indexOf(themeChoice.value) + 1) % choices.length]!;
}
