import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';

/** @publicApi */
export class CreateApiKeyDto {
  @IsString()
  @Length(1, 100)
  @Matches(/^\P{Cc}*$/u, { message: 'name must not contain control characters' })
  name!: string;

  /** Permissions of the key. Wildcards are not accepted. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  permissions!: string[];

  /** Lifetime of the key in days. The default is 90 days. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(365)
  expiresInDays?: number;
}

/** An API key without its secret. @publicApi */
export class ApiKeyView {
  id!: string;
  name!: string;
  tenantId!: string | null;
  permissions!: string[];
  createdAt!: Date;
  expiresAt!: Date;
  /** Accurate to one minute. */
  lastUsedAt!: Date | null;
}

/** The response to the creation of a key. Only this response contains the key itself. @publicApi */
export class NewApiKeyView extends ApiKeyView {
  key!: string;
}
