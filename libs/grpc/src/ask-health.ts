import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';

const { Check: check } = service as unknown as { Check: MethodDefinition<{ service: string }, { status: string }> };

/** Asks a plain-text port, `host:port`, whether the server is SERVING; false too where nobody answers in that time. */
export async function isServing(address: string, withinMs: number): Promise<boolean> {
  const client = new Client(address, credentials.createInsecure());
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
