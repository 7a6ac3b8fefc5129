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
import { quickCheckOf } from './quick-check.js';
import { validationPipe } from './validation.js';

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

function IsLater(): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      target: target.constructor,
      propertyName: String(propertyName),
      async: true,
      validator: { validate: (value) => Promise.resolve(value === 'late') },
    });
}

class Later {
  @IsLater()
  text!: string;
}

const stock = new ValidationPipe({
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  forbidUnknownValues: true,
  exceptionFactory: (errors) => errors,
});
const ours = validationPipe();

async function outcome(pipe: ValidationPipe, value: unknown, metatype: Type) {
  const metadata: ArgumentMetadata = { type: 'body', metatype };
  try {
    // The stock pipe closes gaps and drops names in place.
    const result: unknown = await pipe.transform(structuredClone(value), metadata);
    return { accepted: result, constructor: (result as object | undefined)?.constructor };
  } catch {
    return 'refused';
  }
}

describe('the quick way', () => {
  it('accepts what the stock pipe accepts, with the same result, and refuses what it refuses', async () => {
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
      fc.asyncProperty(fc.oneof({ weight: 3, arbitrary: likely() }, body, fc.anything()), async (value) => {
        if (typeof value === 'object' && value !== null && Object.keys(value).some((key) => key in {})) return;
        const expected = await outcome(stock, value, Account);
        if (expected !== 'refused') accepted++;
        expect(await outcome(ours, value, Account)).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });

  it('is taken by flat classes, and left by all that is more', () => {
    expect(quickCheckOf(Account)).toBeDefined();
    for (const target of [Nested, Transformed, Grouped, Later, class Empty {}]) {
      expect(quickCheckOf(target)).toBeUndefined();
    }
  });

  it('leaves nested, transformed and late validation as they are', async () => {
    expect(await outcome(ours, { inner: { text: 'a' } }, Nested)).toMatchObject({
      accepted: { inner: Object.assign(new Inner(), { text: 'a' }) },
    });
    expect(await outcome(ours, { inner: { text: 1 } }, Nested)).toBe('refused');
    expect(await outcome(ours, { text: ' a ' }, Transformed)).toMatchObject({ accepted: { text: 'a' } });
    expect(await outcome(ours, { text: 'late' }, Later)).toMatchObject({ accepted: { text: 'late' } });
    expect(await outcome(ours, { text: 'early' }, Later)).toBe('refused');
  });

  it('says why a value is refused', async () => {
    const refusal = await ours
      .transform({ email: 1, name: 'abc', more: 1 }, { type: 'body', metatype: Account })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(ProblemException);
    expect((refusal as ProblemException).extensions['errors']).toEqual([
      { path: 'more', code: 'whitelistValidation', message: 'the field is not known' },
      { path: 'email', code: 'isEmail', message: 'email must be an email' },
    ]);
  });
});

/** Bodies that are valid as a rule. */
function likely() {
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
