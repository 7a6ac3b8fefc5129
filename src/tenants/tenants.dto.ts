import {
  ArrayMaxSize,
  IsArray,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';

export class SwitchTenantDto {
  /** Null switches to no tenant. */
  @ValidateIf((_body, value) => value !== null)
  @IsUUID()
  tenantId!: string | null;
}

export class CreateTenantDto {
  @IsString()
  @Length(1, 100)
  @Matches(/^\P{Cc}*$/u, { message: 'name must not contain control characters' })
  name!: string;

  /** Id of the user who gets the role `TenantOwner`. */
  @IsOptional()
  @IsString()
  @Length(1, 128)
  ownerId?: string;
}

export class MemberRolesDto {
  @IsArray()
  @ArrayMaxSize(32)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  roles!: string[];
}

export class ListTenantsDto {
  /** `next` or `prev` of another page. */
  @IsOptional()
  @IsString()
  @Length(1, 2_048)
  cursor?: string;
}

/** A tenant of the caller. @publicApi */
export class TenantView {
  id!: string;
  name!: string;
  /** The caller's roles in this tenant. */
  roles!: string[];
  /** Whether the access token of the request is for this tenant. */
  current!: boolean;
}

/** @publicApi */
export class MemberView {
  userId!: string;
  email!: string;
  name!: string;
  roles!: string[];
}

/** @publicApi */
export class AdminTenantView {
  id!: string;
  name!: string;
  createdAt!: Date;
}

/** @publicApi */
export class TenantPage {
  tenants!: AdminTenantView[];
  /** Cursor of the next page. Null on the last page. */
  next!: string | null;
  /** Cursor of the previous page. Null on the first page. */
  prev!: string | null;
}
