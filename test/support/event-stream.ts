import { request, type IncomingMessage } from 'node:http';
import { until } from './until.js';

export interface StreamedMessage {
  event: string;
  id: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into events of many shapes
  data: any;
}

/** A client of server-sent events. It parses them by the standard and stores them. */
export class EventStream {
  readonly messages: StreamedMessage[] = [];
  lastEventId = '';
  text = '';
  isEnded = false;

  private constructor(readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      this.text += part;
      this.parse();
    });
    response.on('error', () => (this.isEnded = true));
    response.on('end', () => (this.isEnded = true));
  }

  private parsed = 0;

  static open(url: string, headers: Record<string, string> = {}): Promise<EventStream> {
    return new Promise((resolve, reject) => {
      request(url, { headers, agent: false }, (response) => resolve(new EventStream(response)))
        .on('error', reject)
        .end();
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  of(event: string): StreamedMessage[] {
    return this.messages.filter((message) => message.event === event);
  }

  async has(count: number): Promise<StreamedMessage[]> {
    await until(`${count} events have arrived`, () => this.of('audit').length >= count);
    return this.of('audit');
  }

  /** Events of one action. The stream also has other events, because reading the log is recorded too. */
  ofAction(action: string): StreamedMessage[] {
    return this.of('audit').filter(({ data }) => data.action === action);
  }

  close(): void {
    this.response.destroy();
  }

  private parse(): void {
    for (let end = this.text.indexOf('\n\n', this.parsed); end >= 0; end = this.text.indexOf('\n\n', this.parsed)) {
      const fields = { event: 'message', data: '', id: undefined as string | undefined };
      for (const line of this.text.slice(this.parsed, end).split(/\r\n|\r|\n/)) {
        const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
        if (name === 'event' || name === 'id') fields[name] = value;
        if (name === 'data') fields.data += value;
      }
      this.parsed = end + 2;
      if (fields.id !== undefined) this.lastEventId = fields.id;
      if (fields.data === '') continue;
      this.messages.push({ event: fields.event, id: this.lastEventId, data: JSON.parse(fields.data) });
    }
  }
}
