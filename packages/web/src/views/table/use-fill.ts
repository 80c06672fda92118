/** Lets an element reach to the lower end of the window. */
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** A lower one is of no use: the page scrolls instead. CSS pixels. */
const LEAST_HEIGHT = 420;
const MARGIN = 12;

/** The element has its height as `--fill`. */
export function useFill(): RefObject<HTMLDivElement | null> {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const measure = () => {
      const element = box.current;
      if (element === null) return;
      const top = element.getBoundingClientRect().top + scrollY;
      element.style.setProperty('--fill', `${Math.max(LEAST_HEIGHT, innerHeight - top - MARGIN)}px`);
    };
    measure();
    // What is above may become higher.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    addEventListener('resize', measure);
    return () => {
      observer.disconnect();
      removeEventListener('resize', measure);
    };
  }, []);
  return box;
}
