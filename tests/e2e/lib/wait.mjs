// Waiting for what must come true. The bound only ends a test that would fail anyway.
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls `look` until it gives something other than undefined, null or false. */
export async function eventually(what, look, timeout_ms = 30_000) {
  const end = Date.now() + timeout_ms;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`not within ${timeout_ms} ms: ${what}${last ? ` (${last.message})` : ''}`,
                      { cause: last });
    await pause(25);
  }
}
