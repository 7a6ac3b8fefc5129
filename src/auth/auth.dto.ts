import { IsEmail, IsString, Length, Matches, MaxLength } from 'class-validator';

const EMAIL_MAXIMUM = 254;

export class LoginDto {
  @IsEmail()
  @MaxLength(EMAIL_MAXIMUM)
  email!: string;

  @IsString()
  @Length(1, 1024)
  password!: string;
}

export class RegisterDto {
  @IsEmail()
  @MaxLength(EMAIL_MAXIMUM)
  email!: string;

  @IsString()
  @Length(8, 72)
  password!: string;

  @IsString()
  @Length(1, 100)
  @Matches(/^\P{Cc}*$/u, { message: 'name must not contain control characters' })
  name!: string;
}

export class RefreshDto {
  @IsString()
  @Length(1, 200)
  refreshToken!: string;
}

/** What clients see of a user. */
export class UserView {
  id!: string;
  email!: string;
  name!: string;
  roles!: string[];
  createdAt!: Date;
}

/** Answer to registration, login and refresh, named as in RFC 6749, section 5.1, in camel case. */
export class TokenView {
  accessToken!: string;
  refreshToken!: string;
  tokenType!: 'Bearer';
  /** Life of the access token, in seconds. */
  expiresIn!: number;
  user!: UserView;
}
