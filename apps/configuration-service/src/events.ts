import { ConfigurationChanged, ConfigurationChanged_Kind } from '@herald/contracts/event';
import { appendOutbox, type Tx } from '@herald/postgres';

/** The kinds of things that others keep a copy of. */
type ChangedKind = 'CHANNEL_ACCOUNT' | 'CHANNEL' | 'OUTBOUND_CONFIGURATION' | 'ORGANIZATION_SETTINGS';

/** Announces, in the transaction that changes it, that something of an organisation has changed. */
export function announceChange(
  tx: Tx,
  { newId, now }: { newId(): string; now(): Date },
  changed: { org: string; kind: ChangedKind; id: string },
): Promise<void> {
  const { org, kind, id } = changed;
  const payload = ConfigurationChanged.encode({ orgId: org, kind: ConfigurationChanged_Kind[kind], id }).finish();
  const type = 'herald.event.v1.ConfigurationChanged';
  return appendOutbox(tx, [
    { topic: 'herald.configuration.v1', key: `${org}/${kind}/${id}`, type, id: newId(), time: now(), payload },
  ]);
}
