/**
 * The attributes that spans may carry, and what they mean. None holds an address, a name, a text or a secret: spans
 * leave the house.
 */
export const ATTRIBUTES = {
  'herald.batch.id': 'the batch that is being sent',
  'herald.message.id': 'the message that is being sent',
  'herald.message.attempt': 'which attempt of the message it is, from 1',
  'herald.outcome': 'what became of a send: accepted, refused, not_sent or unknown',
  'herald.reason': 'the reason of an error, a row of the table of reasons',
  'herald.slice.messages': 'how many messages the slice holds',
  'http.request.method': 'the method of a request to a provider, or of a webhook',
  'http.response.status_code': 'the status of its answer',
  'messaging.batch.message_count': 'how many records are handled at once',
  'messaging.destination.name': 'the topic',
  'messaging.operation.type': 'send or process',
  'rpc.grpc.status_code': 'the gRPC status of a call',
  'rpc.method': 'the RPC',
  'rpc.service': 'its service',
  'rpc.system': 'always grpc',
} as const;

/** Attributes of a span; a name that is not in the table does not compile. */
export type SpanAttributes = Partial<Record<keyof typeof ATTRIBUTES, string | number>>;
