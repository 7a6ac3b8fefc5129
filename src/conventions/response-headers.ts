import type { OutgoingHttpHeader } from 'node:http';
import type { HttpServer } from '@nestjs/common';

/** The part of a response that both adapters share. */
export interface HeaderResponse {
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
}

/** Appends a value to a list header. Other code may have set values before. */
export function addToHeader(adapter: HttpServer, response: HeaderResponse, name: string, value: string): void {
  const current = response.getHeader(name);
  adapter.setHeader(response, name, current === undefined ? value : `${[current].flat().join(', ')}, ${value}`);
}
