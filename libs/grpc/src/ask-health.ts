import { Client, type MethodDefinition } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';
import type { ServiceName } from './identity';
import { clientCredentials, type TlsFiles } from './tls';

const { Check: check } = service as unknown as { Check: MethodDefinition<{ service: string }, { status: string }> };

/** What a server that speaks TLS is asked with, and which service it must be. */
export interface AskedService {
  service: ServiceName;
  tls: TlsFiles | undefined;
}

/** Asks a server, `host:port`, whether it is SERVING; false too where nobody answers in that time. Without `asked` it speaks plain text. */
export async function isServing(address: string, withinMs: number, asked?: AskedService): Promise<boolean> {
  const { tls, service: name } = asked ?? { tls: undefined, service: undefined };
  const named = tls?.trustDomain === undefined ? {} : { 'grpc.ssl_target_name_override': tls.trustDomain };
  const client = new Client(address, clientCredentials(tls, { service: name }), named);
  const { path, requestSerialize, responseDeserialize } = check;
  try {
    return await new Promise((resolve) => {
      const deadline = Date.now() + withinMs;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: '' }, { deadline }, (_, answer) =>
        resolve(answer?.status === 'SERVING'),
      );
    });
  } finally {
    client.close();
  }
}
