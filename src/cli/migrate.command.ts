import { loadConfig, readEnvironment } from '../config/index.js';
import { databaseServer, databaseSettings, migrate, reachDatabase, stopEmbeddedServers } from '../database/index.js';
import { migrations } from '../migrations.js';
import { endOnSignals } from '../shutdown/index.js';
import { defineCommand } from './command.js';

export const command = defineCommand({
  options: {},
  details: 'They also run at each start, under a lock; so this is for those who want them out of the way before.',
  async run() {
    // A migration that is cut short is rolled back by the server, so that there is nothing to undo.
    endOnSignals(stopEmbeddedServers);
    const { config } = loadConfig(readEnvironment());
    const settings = databaseSettings({ ...config.database, migrations });
    const server = await databaseServer(settings);
    try {
      await reachDatabase(server.url, settings);
      const names = await migrate(server.url, settings);
      console.log(names.length === 0 ? 'Nothing to migrate.' : names.map((name) => `migrated: ${name}`).join('\n'));
    } finally {
      await server.stop();
    }
    return 0;
  },
});
