import { ValidationPipe, type ArgumentMetadata, type Type } from '@nestjs/common';
import { Transform, Type as TypeOf } from 'class-transformer';
import {
  Allow,
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsEmail,
  IsEnum,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  registerDecorator,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProblemException } from '../problem/index.js';
import { createFastValidator } from './fast-validator.js';
import { createValidationPipe } from './validation.js';

class Base {
  @IsOptional()
  @IsString()
  note?: string;
}

class Account extends Base {
  @IsEmail()
  email!: string;

  @IsString()
  @Length(1, 5)
  @Matches(/^[a-z]*$/)
  name!: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(3)
  @IsEnum(['a', 'b'], { each: true })
  roles?: string[];

  @ValidateIf(({ name }: Account) => name === 'adult')
  @IsInt()
  age?: number;

  @IsOptional()
  @IsBoolean()
  active = true;

  @Allow()
  extra?: unknown;
}

class Inner {
  @IsString()
  text!: string;
}

class Nested {
  @ValidateNested()
  @TypeOf(() => Inner)
  inner!: Inner;
}

class Transformed {
  @Transform(({ value }) => String(value).trim())
  @IsString()
  text!: string;
}

class Grouped {
  @IsDefined({ groups: ['a'] })
  text!: string;
}

function IsAsync(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      target: target.constructor,
      propertyName: String(propertyName),
      async: true,
      validator: { validate: (value) => Promise.resolve(value === 'late') },
    });
}

class AsyncValidated {
  @IsAsync()
  text!: string;
}

const nestPipe = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  exceptionFactory: (errors) => errors,
});
const libraryPipe = createValidationPipe();

async function runPipe(pipe: ValidationPipe, value: unknown, metatype: Type) {
  const metadata: ArgumentMetadata = { type: 'body', metatype };
  try {
    // Nest's pipe changes the value in place, so each pipe gets a copy.
    const result: unknown = await pipe.transform(structuredClone(value), metadata);
    return { accepted: result, constructor: (result as object | undefined)?.constructor };
  } catch {
    return 'refused';
  }
}

describe('the fast validator', () => {
  it("accepts and rejects the same values as Nest's ValidationPipe, with the same result", async () => {
    const field = fc.oneof(
      fc.constantFrom('a@b.example', 'adult', 'abc', 'a', 'b', '', 5, 1.5, true, null),
      fc.array(fc.constantFrom('a', 'b', 'c', 1, null), { maxLength: 4 }),
      fc.constant({ nested: 1 }),
    );
    const body = fc.record(
      { email: field, name: field, roles: field, age: field, active: field, note: field, extra: field, more: field },
      { requiredKeys: ['email', 'name'] },
    );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: usuallyValid() }, body, fc.anything()), async (value) => {
        if (typeof value === 'object' && value !== null && Object.keys(value).some((key) => key in {})) return;
        const expected = await runPipe(nestPipe, value, Account);
        if (expected !== 'refused') accepted++;
        expect(await runPipe(libraryPipe, value, Account)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it('is created for flat classes only', () => {
    expect(createFastValidator(Account)).toBeDefined();
    for (const target of [Nested, Transformed, Grouped, AsyncValidated, class Empty {}]) {
      expect(createFastValidator(target)).toBeUndefined();
    }
  });

  it('leaves nested, transformed and asynchronous validation to class-validator', async () => {
    expect(await runPipe(libraryPipe, { inner: { text: 'a' } }, Nested)).toMatchObject({
      accepted: { inner: Object.assign(new Inner(), { text: 'a' }) },
    });
    expect(await runPipe(libraryPipe, { inner: { text: 1 } }, Nested)).toBe('refused');
    expect(await runPipe(libraryPipe, { text: ' a ' }, Transformed)).toMatchObject({ accepted: { text: 'a' } });
    expect(await runPipe(libraryPipe, { text: 'late' }, AsyncValidated)).toMatchObject({ accepted: { text: 'late' } });
    expect(await runPipe(libraryPipe, { text: 'early' }, AsyncValidated)).toBe('refused');
  });

  it('reports why a value is rejected', async () => {
    const refusal = await libraryPipe
      .transform({ email: 1, name: 'abc', more: 1 }, { type: 'body', metatype: Account })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ProblemException);
    expect((refusal as ProblemException).extensions['errors']).toEqual([
      { path: 'more', code: 'whitelistValidation', message: 'the field is not known' },
      { path: 'email', code: 'isEmail', message: 'email must be an email' },
    ]);
  });
});

/** Bodies that are valid in most cases. */
function usuallyValid() {
  return fc.record(
    {
      email: fc.constant('a@b.example'),
      name: fc.constantFrom('abc', 'adult'),
      roles: fc.array(fc.constantFrom('a', 'b'), { maxLength: 4 }),
      age: fc.constantFrom(5, 1.5, undefined),
      active: fc.constantFrom(true, false, null),
      note: fc.constantFrom('x', null),
      extra: fc.constantFrom(1, [1], null),
    },
    { requiredKeys: ['email', 'name'] },
  );
}
