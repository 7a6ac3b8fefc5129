/**
 * The result of `work`, or a rejection once the time is up.
 *
 * Timers run before sockets are read: after a pause of the event loop, an answer that is already here would be taken for
 * late. So a timer only asks the loop to read first.
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
