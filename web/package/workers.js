// Workers whose script may lie on another server than the page (a CDN): browsers refuse those, but not a script of the page's own that imports it.

/** The script `name` beside `base` when it must be imported like that, else null. (Bundlers want to see `new Worker(new URL(…))` where it is
 *  written, and take every other URL that they see for a file to copy: hence the name apart.) */
export function elsewhere(name, base) {
  const url = new URL(name, base);
  return location.protocol !== "blob:" && url.origin === location.origin ? null : url;
}

export function importingWorker(url) {
  const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" }));
  const worker = new Worker(script, { type: "module" });
  URL.revokeObjectURL(script);
  return worker;
}
