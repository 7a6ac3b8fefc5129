import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Controller, Get, type INestApplication, Module, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CLIENTS, SESSIONS } from './clients.js';
import { required, serve } from './serve.js';

/** The used part of `src/bootstrap.ts`. */
interface Bootstrap {
  createApp: (options: { env: Record<string, string>; imports?: Type[] }) => Promise<{ app: INestApplication }>;
}

/** No decorator requires a token, because every route requires one by default. */
@Controller({ path: 'bench', version: VERSION_NEUTRAL })
class HelloController {
  @Get('hello')
  hello() {
    return { hello: 'world' };
  }
}

@Module({ controllers: [HelloController] })
class BenchModule {}

/** The used part of TypeORM's data source. */
interface Database {
  query(sql: string): Promise<unknown>;
}

/** Loaded by URL, because the relative path differs before and after compilation. */
async function bootstrap(): Promise<Bootstrap> {
  const file = new URL('../../../dist/bootstrap.js', import.meta.url);
  if (!existsSync(file)) throw new Error('dist/bootstrap.js is missing; run `npm run build` first');
  return (await import(file.href)) as Bootstrap;
}

await serve(async () => {
  const { createApp } = await bootstrap();
  const { app } = await createApp({
    env: {
      NODE_ENV: 'production',
      HTTP_ADAPTER: required('HTTP_ADAPTER'),
      JWT_SECRET: required('JWT_SECRET'),
      TRUST_PROXY: 'loopback',
      THROTTLE_DEFAULT_LIMIT: '1000000000',
      // The measured route does not use the database. With an embedded one, the benchmark needs no service.
      DATABASE_EMBEDDED_IN_PRODUCTION: 'true',
      DATA_DIR: join(required('BENCH_DIR'), 'data'),
    },
    imports: [BenchModule],
  });
  await app.get<Database>(DataSource).query(CLIENTS);
  await app.get<Database>(DataSource).query(SESSIONS);
  return app;
});
