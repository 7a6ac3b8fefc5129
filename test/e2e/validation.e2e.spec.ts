import { Body, Controller, Get, Module, Param, Post, Query } from '@nestjs/common';
import { IsInt, IsString, Length } from 'class-validator';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Public } from '../../src/guards/index.js';
import type { SchemaOutput } from '../../src/security/index.js';
import { onBothAdapters, TestApp } from '../support/harness.js';
import '../support/problem.js';

const zodThing = z.strictObject({
  name: z.string().min(2),
  size: z.number().int(),
  tags: z.array(z.string()).optional(),
});
const valibotThing = v.strictObject({
  name: v.pipe(v.string(), v.minLength(2)),
  size: v.pipe(v.number(), v.integer()),
  tags: v.optional(v.array(v.string())),
});
const pageQuery = z.strictObject({ page: z.coerce.number().int().min(1).default(1) });

class ThingDto {
  @IsString()
  @Length(2)
  name!: string;

  @IsInt()
  size!: number;
}

@Controller('things')
@Public()
class ThingsController {
  @Post('class')
  byClass(@Body() body: ThingDto) {
    return body;
  }

  @Post('zod')
  byZod(@Body({ schema: zodThing }) body: SchemaOutput<typeof zodThing>) {
    return body;
  }

  @Post('valibot')
  byValibot(@Body({ schema: valibotThing }) body: SchemaOutput<typeof valibotThing>) {
    return body;
  }

  @Get('page')
  page(@Query({ schema: pageQuery }) query: SchemaOutput<typeof pageQuery>) {
    return query;
  }

  @Get('by-id/:id')
  byId(@Param('id', { schema: z.uuid() }) id: string) {
    return { id };
  }
}

@Module({ controllers: [ThingsController] })
class ThingsModule {}

const REFUSED = { status: 400, code: 'VALIDATION_FAILED' };

onBothAdapters('validation', (adapter) => {
  let app: TestApp;
  beforeAll(async () => (app = await TestApp.start({ HTTP_ADAPTER: adapter }, { imports: [ThingsModule] })));
  afterAll(() => app.stop());
  const send = (kind: string, body: unknown) => app.post(`/v1/things/${kind}`, body);
  const pathsOf = (errors: { path: string }[]) => errors.map(({ path }) => path).toSorted();

  describe.each(['class', 'zod', 'valibot'])('by %s', (kind) => {
    it('accepts a valid body', async () => {
      const answer = await send(kind, { name: 'abc', size: 1 });
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({ name: 'abc', size: 1 });
    });

    it('names each wrong field with a code and a message', async () => {
      const answer = await send(kind, { name: 'a', size: 'large' });
      expect(answer).toBeProblem(REFUSED);
      expect(pathsOf(answer.body.errors)).toEqual(['name', 'size']);
      for (const error of answer.body.errors) {
        expect(error).toEqual({ path: error.path, code: expect.stringMatching(/^\w+$/), message: expect.any(String) });
      }
    });

    it('refuses undeclared fields with the same message', async () => {
      const answer = await send(kind, { name: 'abc', size: 1, role: 'Admin' });
      expect(answer).toBeProblem(REFUSED);
      expect(answer.body.errors).toEqual([
        { path: 'role', code: 'whitelistValidation', message: 'the field is not known' },
      ]);
    });

    it('does not repeat the values that were sent', async () => {
      expect((await send(kind, { name: 5, size: 'hunter2' })).text).not.toContain('hunter2');
    });

    it('refuses names that every object inherits, and a body that is not an object', async () => {
      expect(await send(kind, '{"name":"abc","size":1,"__proto__":{}}')).toBeProblem(REFUSED);
      expect(await send(kind, '[]')).toBeProblem(REFUSED);
    });
  });

  it('names nested fields by their path', async () => {
    for (const kind of ['zod', 'valibot']) {
      const { body } = await send(kind, { name: 'abc', size: 1, tags: ['a', 5] });
      expect(pathsOf(body.errors)).toEqual(['tags.1']);
    }
  });

  it('gives handlers the value that the schema returns', async () => {
    expect((await app.get('/v1/things/page?page=3')).body).toEqual({ page: 3 });
    expect((await app.get('/v1/things/page')).body).toEqual({ page: 1 });
    expect(await app.get('/v1/things/page?page=x')).toBeProblem(REFUSED);
  });

  it('names an invalid path parameter', async () => {
    const answer = await app.get('/v1/things/by-id/5');
    expect(answer).toBeProblem(REFUSED);
    expect(pathsOf(answer.body.errors)).toEqual(['id']);
  });

  it('is described in the OpenAPI document', async () => {
    const { body } = await app.get('/docs/openapi.json');
    const { schema } = body.paths['/v1/things/zod'].post.requestBody.content['application/json'];
    expect(schema).toMatchObject({ type: 'object', required: ['name', 'size'] });
  });
});
