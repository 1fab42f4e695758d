// Workers whose script may lie on another server than the page (a CDN): browsers refuse those, but not a script of the page's own that imports it.

/** The script's URL when it must be imported like that, else null. Bundlers want to see `new Worker(new URL(…))` where it is written. */
export const elsewhere = (url) => (globalThis.location && !location.href.startsWith("blob:") && new URL(url).origin === location.origin ? null : new URL(url));

export function importingWorker(url) {
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" }));
  const worker = new Worker(script, { type: "module" });
  URL.revokeObjectURL(script);
  return worker;
}
