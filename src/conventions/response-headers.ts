import type { OutgoingHttpHeader } from 'node:http';
import type { HttpServer } from '@nestjs/common';

/** What both adapters know of a response. */
export interface HeaderResponse {
  readonly statusCode: number;
  getHeader(name: string): OutgoingHttpHeader | undefined;
}

/** Adds to a field that is a list, of which somebody else may have begun the values. */
export function addToHeader(adapter: HttpServer, response: HeaderResponse, name: string, value: string): void {
  const given = response.getHeader(name);
  adapter.setHeader(response, name, given === undefined ? value : `${[given].flat().join(', ')}, ${value}`);
}
