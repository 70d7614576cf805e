import { createHash } from 'node:crypto';

/** What an account has: credentials and the senders it owns. */
export interface AccountSettings {
  /** `AC` and 32 hexadecimal digits. */
  sid: string;
  /** Password of the account's own calls and key of every callback's signature. */
  authToken: string;
  friendlyName?: string;
  /** Further credentials for calls: `SK…` → secret. Signatures are never made with them. */
  apiKeys?: Record<string, string>;
  phoneNumbers?: string[];
  shortCodes?: string[];
  alphaSenders?: string[];
  /** Messaging services: `MG…` → the senders of its pool. */
  messagingServices?: Record<string, string[]>;
  /** Accept every well-formed sender, owned or not. */
  anySender?: boolean;
}

/** An account with nothing left open. */
export type Account = Required<AccountSettings> & { createdAt: Date };

/** The senders an account has when none are given. */
const SAMPLE_SENDERS = {
  phoneNumbers: ['+15005550006', '+15005550100', '+15005550101'],
  shortCodes: ['12345', '54321'],
  alphaSenders: ['Herald'],
  messagingServices: { MGdecade00decade00decade00decade00: ['+15005550006', '12345'] },
};

/** The account every simulator starts with. Its token is printed in the documentation: it protects nothing. */
export const SAMPLE_ACCOUNT = {
  sid: 'ACdecade00decade00decade00decade00',
  authToken: '0123456789abcdef0123456789abcdef',
  friendlyName: 'Sample account',
  apiKeys: { SKdecade00decade00decade00decade00: 'sample-api-key-secret' },
  ...SAMPLE_SENDERS,
} as const;

/** The accounts a simulator knows, and who may call as which. */
export class Accounts {
  private readonly bySid = new Map<string, Account>();
  private readonly byCredential = new Map<string, Account>();

  constructor(private readonly anySender: boolean) {}

  /** Adds an account, or replaces the one with the same sid. Throws when the sid or the token is not well-formed. */
  put(settings: AccountSettings): Account {
    if (!/^AC[0-9a-f]{32}$/.test(settings.sid)) {
      throw new Error(`"${settings.sid}" is no account sid. Write AC and 32 hexadecimal digits.`);
    }
    if (!settings.authToken) throw new Error(`The account ${settings.sid} needs an auth token.`);
    this.remove(settings.sid);
    const account: Account = {
      friendlyName: `Account ${settings.sid.slice(-4)}`,
      apiKeys: {},
      ...SAMPLE_SENDERS,
      anySender: this.anySender,
      createdAt: new Date(),
      ...settings,
    };
    this.bySid.set(account.sid, account);
    this.byCredential.set(basicCredential(account.sid, account.authToken), account);
    for (const [key, secret] of Object.entries(account.apiKeys)) {
      this.byCredential.set(basicCredential(key, secret), account);
    }
    return account;
  }

  get(sid: string): Account | undefined {
    return this.bySid.get(sid);
  }

  /** The account whose credentials an Authorization header carries. */
  authenticate(authorization: string | undefined): Account | undefined {
    if (authorization === undefined) return undefined;
    const credential = /^basic (.+)$/i.exec(authorization)?.[1];
    return credential === undefined ? undefined : this.byCredential.get(credential.trim());
  }

  list(): Account[] {
    return [...this.bySid.values()];
  }

  private remove(sid: string): void {
    this.bySid.delete(sid);
    for (const [credential, account] of this.byCredential) {
      if (account.sid === sid) this.byCredential.delete(credential);
    }
  }
}

/** Whether an Authorization header carries the account's own token, and not one of its API keys. */
export function isOwnCredential({ sid, authToken }: Account, authorization: string | undefined): boolean {
  return authorization?.replace(/^basic /i, '').trim() === basicCredential(sid, authToken);
}

function basicCredential(user: string, password: string): string {
  return Buffer.from(`${user}:${password}`).toString('base64');
}

/** Whether the account may send from this number, short code or name. */
export function ownsSender(account: Account, sender: string): boolean {
  return (
    account.anySender ||
    account.phoneNumbers.includes(sender) ||
    account.shortCodes.includes(sender) ||
    account.alphaSenders.includes(sender)
  );
}

/** A sid that is the same in every run: of a phone number, a short code. */
export function sidOf(prefix: string, name: string): string {
  return prefix + createHash('md5').update(name).digest('hex');
}
