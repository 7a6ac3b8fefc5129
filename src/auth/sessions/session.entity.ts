import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Ways to prove who one is, by their names in the claim `amr` (RFC 8176). @publicApi */
export type AuthenticationMethod = 'pwd' | 'otp' | 'mfa';

/** A login: the family of refresh tokens that follow from it. */
@Entity('auth_sessions', { synchronize: false })
export class Session {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid', { name: 'user_id' })
  userId!: string;

  /** SHA-256 of the secret part of the current refresh token. */
  @Column('bytea', { name: 'refresh_hash' })
  refreshHash!: Buffer;

  /** SHA-256 of the secret that came before, good for a moment more to the client that used it. */
  @Column('bytea', { name: 'previous_hash', nullable: true })
  previousHash!: Buffer | null;

  /** Who used the previous token, as SHA-256 of user agent and address. */
  @Column('bytea', { name: 'rotated_by', nullable: true })
  rotatedBy!: Buffer | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** Time of the login or of the last refresh. */
  @Column('timestamptz', { name: 'last_used_at' })
  lastUsedAt!: Date;

  /** When the user last proved to be who they are, at the login or at a step-up. */
  @Column('timestamptz', { name: 'authenticated_at' })
  authenticatedAt!: Date;

  /** How they proved it then (RFC 8176). */
  @Column('text', { array: true })
  methods!: AuthenticationMethod[];

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt!: Date;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;

  /** User agent of the login, cut to a length that fits a list. */
  @Column('text', { name: 'user_agent', nullable: true })
  userAgent!: string | null;

  /** Tenant that the session was switched to last; whether its owner is still a member is not said here. */
  @Column('uuid', { name: 'tenant_id', nullable: true })
  tenantId!: string | null;

  /** Address of the last use. */
  @Column('text', { nullable: true })
  address!: string | null;
}
