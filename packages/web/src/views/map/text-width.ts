/** How wide a text is where it is drawn. */

/** The font of labels of nodes: that of their style. */
const SIZE = 12;
const known = new Map<string, number>();
const MOST_KNOWN = 5000;
let context: CanvasRenderingContext2D | null | undefined;

/** Width of a label in pixels. */
export function labelWidth(text: string): number {
  const found = known.get(text);
  if (found !== undefined) return found;
  context ??= document.createElement('canvas').getContext('2d');
  if (context === null) return text.length * SIZE;
  context.font = `600 ${SIZE}px ${getComputedStyle(document.body).fontFamily}`;
  const { width } = context.measureText(text);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(text, width);
  return width;
}
