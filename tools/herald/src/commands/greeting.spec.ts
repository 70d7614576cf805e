import { HOME_DEFAULT } from '../system/home';
import { greeting } from './greeting';

const SERVICES = {
  template: '127.0.0.1:50051',
  configuration: '127.0.0.1:50052',
  dispatch: '127.0.0.1:50053',
  conversation: '127.0.0.1:50054',
};

describe('greeting', () => {
  const said = (home: string, more: { tls?: { certFile: string } } = {}) => {
    const simulator = { url: 'http://127.0.0.1:50070', control: '' };
    const file = {
      pid: 1,
      portBase: 50_050,
      services: SERVICES,
      publicUrl: 'http://127.0.0.1:50060',
      simulator,
      ...more,
    };
    return greeting({ home, file: { ...file, ports: {} as never }, org: 'sample', outboundConfigurationId: 'c-1' });
  };

  it('says where everything is, and how to send', () => {
    expect(said(HOME_DEFAULT)).toBe(`Herald runs. gRPC:
  template       127.0.0.1:50051
  configuration  127.0.0.1:50052
  dispatch       127.0.0.1:50053
  conversation   127.0.0.1:50054
  webhooks       http://127.0.0.1:50060
  simulator      http://127.0.0.1:50070
The organisation "sample" has the configuration c-1. In another terminal:
  npm run -s herald -- sample contacts --count 20 > contacts.csv
  npm run -s herald -- send --configuration c-1 --contacts contacts.csv --wait
Ctrl-C stops it.`);
  });

  it('says which certificate callers show where the services speak TLS', () => {
    const tls = { certFile: '/tmp/herald/tls/command-line.pem' };
    expect(said(HOME_DEFAULT, { tls })).toContain('want of callers /tmp/herald/tls/command-line.pem');
  });

  it.each([
    ['/tmp/herald', '/tmp/herald'],
    ["/tmp/Ana's home", "'/tmp/Ana'\\''s home'"],
  ])('names a home that another terminal would not find: %s', (home, written) => {
    expect(said(home)).toContain(`send --home ${written} --configuration c-1 `);
  });
});
