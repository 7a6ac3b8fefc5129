import { UserStore, type UserChanges, type UserSearch, type UserWithPassword } from '../../src/users/index.js';

/** A user store of an application. It does not use the database of the sessions. */
export class MemoryUserStore extends UserStore {
  private readonly users = new Map<string, UserWithPassword>();

  async insert(user: UserWithPassword): Promise<boolean | { id: string }> {
    if (await this.findByEmail(user.email)) return false;
    this.users.set(user.id, user);
    return true;
  }

  async findById(id: string): Promise<UserWithPassword | null> {
    return this.users.get(id) ?? null;
  }

  async findByEmail(email: string): Promise<UserWithPassword | null> {
    return [...this.users.values()].find((user) => user.email === email) ?? null;
  }

  async update(id: string, changes: UserChanges): Promise<boolean> {
    const user = this.users.get(id);
    const other = changes.email === undefined ? null : await this.findByEmail(changes.email);
    if (other && other.id !== id) return false;
    if (user) this.users.set(id, { ...user, ...changes });
    return true;
  }

  async search({ search = '', after = '', before, limit }: UserSearch): Promise<UserWithPassword[]> {
    const needle = search.toLowerCase();
    return [...this.users.values()]
      .filter(({ id }) => id > after && (before === undefined || id < before))
      .filter(({ email, name }) => `${email}\n${name.toLowerCase()}`.includes(needle))
      .sort((a, b) => (a.id < b.id === (before === undefined) ? -1 : 1))
      .slice(0, limit);
  }

  async delete(id: string): Promise<void> {
    this.users.delete(id);
  }
}
