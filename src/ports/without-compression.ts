import type { AdapterRequest } from '../context/request-context.js';

/** Disables compression of the response: by this library, and by another compression middleware. */
export function withoutCompression({ headers }: AdapterRequest): void {
  headers['x-no-compression'] = '1';
  headers['accept-encoding'] = 'identity';
}
