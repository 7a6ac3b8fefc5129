import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsEmail,
  IsOptional,
  IsString,
  IsUUID,
  Length,
  Matches,
  MaxLength,
  ValidateNested,
} from 'class-validator';
import { MAX_EMAIL_LENGTH, NO_CONTROL_CHARACTERS } from '../auth.dto.js';

const MAX_PASSWORD_LENGTH = 1024;
const MAX_TOKEN_LENGTH = 200;

export class ProfileDto {
  @IsString()
  @Length(1, 100)
  @Matches(NO_CONTROL_CHARACTERS, { message: 'name must not contain control characters' })
  name!: string;
}

/** @publicApi */
export class ChangePasswordDto {
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;

  @IsString()
  @Length(8, MAX_PASSWORD_LENGTH)
  newPassword!: string;
}

export class ForgotPasswordDto {
  @IsEmail()
  @MaxLength(MAX_EMAIL_LENGTH)
  email!: string;
}

/** @publicApi */
export class ResetPasswordDto {
  @IsString()
  @Length(1, MAX_TOKEN_LENGTH)
  token!: string;

  @IsString()
  @Length(8, MAX_PASSWORD_LENGTH)
  password!: string;
}

export class OneTimeTokenDto {
  @IsString()
  @Length(1, MAX_TOKEN_LENGTH)
  token!: string;
}

/** @publicApi */
export class ChangeEmailDto {
  @IsEmail()
  @MaxLength(MAX_EMAIL_LENGTH)
  newEmail!: string;

  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;
}

export class CurrentPasswordDto {
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;
}

export class ListUsersDto {
  /** Text in the email or in the name. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  search?: string;

  /** `next` or `prev` of another page. */
  @IsOptional()
  @IsString()
  @Length(1, 2_048)
  cursor?: string;

  /** Number of users on a page, from 1 to 100. */
  @IsOptional()
  @Matches(/^(?:[1-9]\d?|100)$/, { message: 'limit must be a number from 1 to 100' })
  limit?: string;
}

/** A tenant of a user, and the roles in it. */
export class MembershipDto {
  @IsUUID()
  id!: string;

  @IsArray()
  @ArrayMaxSize(32)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  roles!: string[];
}

/** A new account, without a password: its owner chooses one. */
export class CreateUserDto {
  @IsEmail()
  @MaxLength(MAX_EMAIL_LENGTH)
  email!: string;

  @IsString()
  @Length(1, 100)
  @Matches(NO_CONTROL_CHARACTERS, { message: 'name must not contain control characters' })
  name!: string;

  /** @default ['User'] */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(32)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  roles?: string[];
}

export class AdminUserDto {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(32)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  roles?: string[];

  @IsOptional()
  @IsBoolean()
  locked?: boolean;

  @IsOptional()
  @IsBoolean()
  deactivated?: boolean;

  /** The new list of all tenants of the user. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => MembershipDto)
  tenants?: MembershipDto[];
}

/** A login of the caller. @publicApi */
export class SessionView {
  id!: string;
  /** User agent of the login. */
  device!: string | null;
  address!: string | null;
  createdAt!: Date;
  /** Time of the login or of the last refresh. */
  lastUsedAt!: Date;
  expiresAt!: Date;
  /** Whether this is the session of the request itself. */
  current!: boolean;
}
