import type { INestApplication } from '@nestjs/common';

export interface RegisteredRoute {
  method: string;
  /** The path with its parameters, such as `/auth/sessions/:id`. */
  path: string;
}

interface ExpressInstance {
  router: { stack: { route?: { path: string; methods: Record<string, boolean> } }[] };
}

interface FastifyInstance {
  printRoutes(options: { commonPrefix: boolean }): string;
}

/** All routes of the adapter of a started application, including routes that plugins registered. */
export function routesOf(app: INestApplication): RegisteredRoute[] {
  const adapter = app.getHttpAdapter();
  if (adapter.getType() === 'fastify') return fastifyRoutes(adapter.getInstance() as FastifyInstance);
  const { stack } = (adapter.getInstance() as ExpressInstance).router;
  return stack.flatMap(({ route }) =>
    Object.keys(route?.methods ?? {}).map((method) => ({ method: method.toUpperCase(), path: route?.path ?? '' })),
  );
}

/** Fastify prints its routes as a tree. Each level is indented by four characters. */
function fastifyRoutes(fastify: FastifyInstance): RegisteredRoute[] {
  const parents: string[] = [];
  return fastify
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line) => {
      const [, indent = '', segment = '', methods = ''] =
        /^((?:[│ ] {3})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (segment === '') throw new Error(`Fastify prints its routes in another form: ${line}`);
      parents.length = indent.length / 4;
      parents.push(segment);
      const path = parents.join('');
      return methods === '' ? [] : methods.split(', ').map((method) => ({ method, path }));
    });
}
