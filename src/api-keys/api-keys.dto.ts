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

export class CreateApiKeyDto {
  @IsString()
  @Length(1, 100)
  @Matches(/^\P{Cc}*$/u, { message: 'name must not contain control characters' })
  name!: string;

  /** What the key may do; wildcards are not accepted. */
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(200, { each: true })
  permissions!: string[];

  /** Life of the key, 90 days unless said. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(365)
  expiresInDays?: number;
}

/** A key as its owner sees it. */
export class ApiKeyView {
  id!: string;
  name!: string;
  tenantId!: string | null;
  permissions!: string[];
  createdAt!: Date;
  expiresAt!: Date;
  /** To the minute. */
  lastUsedAt!: Date | null;
}

/** The only answer that ever holds the key itself. */
export class NewApiKeyView extends ApiKeyView {
  key!: string;
}
