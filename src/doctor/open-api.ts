import type { Target } from './target.js';

interface Operation {
  security?: Record<string, unknown>[];
  parameters?: { name: string; in: string; required?: boolean }[];
}

interface Document {
  openapi?: string;
  swagger?: string;
  security?: Record<string, unknown>[];
  paths?: Record<string, Record<string, Operation> | undefined>;
}

/** Common paths of the document: this library, Nest's starter and guides, FastAPI, Spring and other conventions. */
const COMMON_PATHS = [
  '/docs/openapi.json',
  '/docs-json',
  '/api-json',
  '/api/docs-json',
  '/api-docs-json',
  '/swagger-json',
  '/openapi.json',
  '/swagger.json',
  '/v3/api-docs',
  '/api-docs',
];

/** @publicApi */
export interface Route {
  /** Path that can be requested. Path parameters are replaced by `1`. */
  path: string;
  method: string;
  /** Whether the route requires authentication, according to the document. */
  isSecured: boolean;
  hasParameters: boolean;
}

/** The routes of an API, read from its OpenAPI document. @publicApi */
export class OpenApi {
  readonly routes: Route[];

  constructor(
    readonly path: string,
    document: Document,
  ) {
    this.routes = Object.entries(document.paths ?? {}).flatMap(([template, operations]) =>
      Object.entries(operations ?? {})
        .filter(([method]) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
        .map(([method, operation]) => createRoute(template, method, operation, document)),
    );
  }

  static async find(target: Target, named?: string): Promise<OpenApi | undefined> {
    for (const path of named === undefined ? COMMON_PATHS : [named]) {
      const { status, json } = await target.get(path);
      if (status === 200 && isDocument(json)) return new OpenApi(path, json);
    }
    if (named !== undefined) throw new Error(`No OpenAPI document (JSON) was found at ${named}`);
    return undefined;
  }
}

function createRoute(template: string, method: string, operation: Operation, document: Document): Route {
  const security = operation.security ?? document.security ?? [];
  return {
    path: template.replace(/\{[^{}]*\}/g, '1'),
    method: method.toUpperCase(),
    // An empty requirement in the list makes authentication optional (OpenAPI 3.1, section 4.8.10).
    isSecured: security.length > 0 && security.every((requirement) => Object.keys(requirement).length > 0),
    hasParameters: template.includes('{'),
  };
}

function isDocument(json: unknown): json is Document {
  return typeof json === 'object' && json !== null && ('openapi' in json || 'swagger' in json) && 'paths' in json;
}
