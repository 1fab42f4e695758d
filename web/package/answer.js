// What a server's answer says of a file.

export const STALLED_MS = 60000; // without a byte a connection counts as broken

/** Of the whole file; a compressed answer says nothing of it, and cannot be gone on with. */
export function factsOf(response) {
  const plain = (response.headers.get("content-encoding") ?? "identity") === "identity";
  const range = /\/(\d+)$/.exec(response.headers.get("content-range") ?? "");
  const length = response.headers.get("content-length");
  const total = range ? Number(range[1]) : plain && length !== null && response.status === 200 ? Number(length) : null;
  return { total, tag: response.headers.get("etag"), ranges: plain && response.headers.get("accept-ranges") === "bytes" };
}

/** What servers of applications send for an address that they do not know: their own page, as if it were the file. */
export const isPage = (response) => (response.headers.get("content-type") ?? "").startsWith("text/html");
