import type { ChannelAdapter, Finding, LookUp, SoughtMessage } from '@herald/channels';

/** A provider's list, and what is asked of it. */
export class ProviderWithAList implements Pick<ChannelAdapter, 'find' | 'lookUp'> {
  readonly asked: (SoughtMessage | string)[] = [];
  list: { id: string; body: string; status: string; errorCode?: string }[] = [];
  isAway = false;

  readonly find = async (sought: SoughtMessage): Promise<Finding> => {
    this.asked.push(sought);
    if (this.isAway) return { kind: 'unavailable', retryAfterMs: 1_000 };
    const candidates = this.list.filter(({ body }) => body === sought.body).map(reportOf);
    return { kind: 'found', candidates, isComplete: true };
  };

  readonly lookUp = async (providerId: string): Promise<LookUp> => {
    this.asked.push(providerId);
    if (this.isAway) return { kind: 'unavailable', retryAfterMs: 1_000 };
    const entry = this.list.find(({ id }) => id === providerId);
    return entry ? { kind: 'report', report: reportOf(entry) } : { kind: 'not_there' };
  };
}

const reportOf = ({ id, status, errorCode = '' }: ProviderWithAList['list'][number]) => ({
  ...{ accountId: 'AC1', providerId: id, status, errorCode },
});
