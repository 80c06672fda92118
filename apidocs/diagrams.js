/** Runs in the reader's browser: draws the Mermaid diagrams of a page, where it has any. */
(() => {
  const sources = document.querySelectorAll('pre > code.mermaid');
  if (sources.length === 0) return;
  const isDark =
    document.documentElement.dataset.theme === 'dark' ||
    (document.documentElement.dataset.theme !== 'light' &&
      matchMedia('(prefers-color-scheme: dark)').matches);
  const script = document.createElement('script');
  script.src = `${document.documentElement.dataset.base}assets/mermaid.js`;
  script.onload = () => {
    const drawings = [...sources].map((source) => {
      const drawing = document.createElement('div');
      drawing.className = 'diagram';
      drawing.textContent = source.textContent;
      source.parentElement.replaceWith(drawing);
      return drawing;
    });
    mermaid.initialize({
      startOnLoad: false,
      theme: isDark ? 'dark' : 'neutral',
      flowchart: { useMaxWidth: false },
    });
    mermaid.run({ nodes: drawings });
  };
  document.head.append(script);
})();
