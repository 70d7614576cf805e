import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the double knows of an account: who may call for it, and what it owns. */
export interface KnownAccount {
  /** What its calls may be signed with: `<account or key SID>:<secret>`. */
  logins: string[];
  status: string;
  senders: string[];
}

/** A server that answers as Twilio's API does about accounts and their numbers, and can be told to fail or to wait. */
export class TwilioDouble {
  readonly accounts = new Map<string, KnownAccount>();
  /** What it was asked, path and query. */
  readonly questions: string[] = [];
  /** While it is set, every question is answered by it alone. */
  failure: { status: number; headers?: Record<string, string> } | undefined;
  /** While it is set, answers wait for it. */
  gate: Promise<void> | undefined;
  readonly #server: Server = createServer((request, response) => {
    void this.#answer(request, response);
  });

  /** Opens the door and returns its URL. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.questions.push(request.url ?? '');
    await this.gate;
    const { status, headers = {}, body } = this.failure ? { ...this.failure, body: {} } : this.#verdict(request);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  }

  #verdict(request: IncomingMessage): { status: number; headers?: Record<string, string>; body: unknown } {
    const url = new URL(request.url ?? '', 'http://twilio.example');
    const [, sid = '', list = ''] = /^\/2010-04-01\/Accounts\/(AC[0-9a-f]+)(.*)\.json$/.exec(url.pathname) ?? [];
    const login = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
    const account = this.accounts.get(sid);
    if (account === undefined || !mayAsk(account, login, list)) {
      return { status: 401, body: { code: 20003, message: 'Authenticate' } };
    }
    if (list === '') return { status: 200, body: { sid, status: account.status } };
    const sender = url.searchParams.get('PhoneNumber') ?? url.searchParams.get('ShortCode') ?? '';
    const name = list === '/SMS/ShortCodes' ? 'short_codes' : 'incoming_phone_numbers';
    const found = account.senders.filter((owned) => owned === sender);
    return { status: 200, body: { [name]: found.map((owned) => ({ owned })), page: 0 } };
  }
}

/** An API key may do everything for an account but look at it. */
function mayAsk({ logins }: KnownAccount, login: string, list: string): boolean {
  return logins.includes(login) && !(login.startsWith('SK') && list === '');
}
