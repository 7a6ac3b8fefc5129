import type { AdapterRequest } from '../context/request-context.js';

/** Has the answer to a request sent as it is: by the suite's own compression, and by that of another application. */
export function withoutCompression({ headers }: AdapterRequest): void {
  headers['x-no-compression'] = '1';
  headers['accept-encoding'] = 'identity';
}
