import { loadConfig, readEnvironment } from '../config/index.js';
import { defineCommand } from './command.js';
import { examineConfiguration } from './local-examination.js';
import { REPORT_OPTIONS, reportWriter } from './report-output.js';

export const command = defineCommand({
  options: REPORT_OPTIONS,
  details:
    'Reads the environment as a start would, then says what production should not be run with, the login to the database ' +
    'included where that answers. Ends with 78 when the ' +
    'application would refuse to start, 1 when something was found, else 0.',
  async run(values) {
    const write = reportWriter(values, 'environment');
    const { config } = loadConfig(readEnvironment());
    return write(await examineConfiguration(config));
  },
});
