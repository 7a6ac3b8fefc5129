import { IsEmail, IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import type { UserRecord } from '../users/index.js';

export const MAX_EMAIL_LENGTH = 254;
export const NO_CONTROL_CHARACTERS = /^\P{Cc}*$/u;

/** @publicApi */
export class LoginDto {
  @IsEmail()
  @MaxLength(MAX_EMAIL_LENGTH)
  email!: string;

  @IsString()
  @Length(1, 1024)
  password!: string;
}

/** @publicApi */
export class RegisterDto {
  @IsEmail()
  @MaxLength(MAX_EMAIL_LENGTH)
  email!: string;

  @IsString()
  @Length(8, 1024)
  password!: string;

  @IsString()
  @Length(1, 100)
  @Matches(NO_CONTROL_CHARACTERS, { message: 'name must not contain control characters' })
  name!: string;
}

export class RefreshDto {
  /** Not needed if the token is in a cookie. */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  refreshToken?: string;
}

/** The fields of a user that clients may see. @publicApi */
export class UserView {
  id!: string;
  email!: string;
  name!: string;
  roles!: string[];
  createdAt!: Date;
}

/** Response to registration, login and refresh. The names follow RFC 6749, section 5.1, in camel case. @publicApi */
export class TokenView {
  accessToken!: string;
  refreshToken!: string;
  tokenType!: 'Bearer';
  /** Lifetime of the access token, in seconds. */
  expiresIn!: number;
  user!: UserView;
}

export function toUserView({ id, email, name, roles, createdAt }: UserRecord): UserView {
  return { id, email, name, roles, createdAt };
}
