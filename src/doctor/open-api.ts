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

/** Where frameworks put the document: this suite, Nest's starter and guides, FastAPI, Spring, plain conventions. */
const USUAL_PATHS = [
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

export interface Route {
  /** As it can be requested; parameters of the path are filled in with a stand-in. */
  path: string;
  method: string;
  /** Whether the document says that it needs authentication. */
  isSecured: boolean;
  hasParameters: boolean;
}

/** The API as its OpenAPI document describes it. */
export class OpenApi {
  readonly routes: Route[];

  constructor(
    readonly path: string,
    document: Document,
  ) {
    this.routes = Object.entries(document.paths ?? {}).flatMap(([template, operations]) =>
      Object.entries(operations ?? {})
        .filter(([method]) => ['get', 'post', 'put', 'patch', 'delete'].includes(method))
        .map(([method, operation]) => routeOf(template, method, operation, document)),
    );
  }

  static async find(target: Target, named?: string): Promise<OpenApi | undefined> {
    for (const path of named === undefined ? USUAL_PATHS : [named]) {
      const { status, json } = await target.get(path);
      if (status === 200 && isDocument(json)) return new OpenApi(path, json);
    }
    if (named !== undefined) throw new Error(`There is no OpenAPI document (JSON) at ${named}`);
    return undefined;
  }
}

function routeOf(template: string, method: string, operation: Operation, document: Document): Route {
  const security = operation.security ?? document.security ?? [];
  return {
    path: template.replace(/\{[^{}]*\}/g, '1'),
    method: method.toUpperCase(),
    // An empty requirement in the list makes authentication optional (OpenAPI 3.1, 4.8.10).
    isSecured: security.length > 0 && security.every((requirement) => Object.keys(requirement).length > 0),
    hasParameters: template.includes('{'),
  };
}

function isDocument(json: unknown): json is Document {
  return typeof json === 'object' && json !== null && ('openapi' in json || 'swagger' in json) && 'paths' in json;
}
