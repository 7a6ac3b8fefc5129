/**
 * Resolves with the result of `work`. Rejects if the result takes longer than the time limit.
 *
 * After a pause of the event loop, Node runs timers before it reads sockets. A response that has already arrived would
 * count as late. So the timer waits until the event loop has read the sockets.
 */
export function withTimeLimit<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => setImmediate(() => setImmediate(() => reject(new Error(`no answer in ${timeoutMs} ms`)))),
      timeoutMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
