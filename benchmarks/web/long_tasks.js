// How long the page itself was blocked at the most: window.longest_ms, of tasks above 50 ms, which are all that browsers tell of; null: this one tells of none.
window.longest_ms = PerformanceObserver.supportedEntryTypes.includes("longtask") ? 0 : null;
if (window.longest_ms === 0)
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.longest_ms = Math.max(window.longest_ms, duration);
  }).observe({ type: "longtask", buffered: true });
