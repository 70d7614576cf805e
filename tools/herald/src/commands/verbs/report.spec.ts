import { GetDeliveryReportResponse, MessageState } from '@herald/contracts/dispatch';
import { showReport } from './report';

describe('showReport', () => {
  it('shows a row a line, numbers under one another, and what they add up to', () => {
    const row = { day: '2026-11-24', outboundConfigurationId: 'configuration-1', channelId: 'sms' };
    const report = GetDeliveryReportResponse.fromPartial({
      rows: [
        { ...row, state: MessageState.DELIVERED, messages: 1_204 },
        { ...row, state: MessageState.REFUSED, reason: 'ADDRESS_INVALID', messages: 3 },
      ],
      counts: { contacts: 1_207 },
    });
    expect(showReport(report).split('\n')).toEqual([
      'day         configuration    channel  state      reason           messages',
      '2026-11-24  configuration-1  sms      DELIVERED                       1204',
      '2026-11-24  configuration-1  sms      REFUSED    ADDRESS_INVALID         3',
      '                                                 contacts             1207',
    ]);
  });
});
