import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** The messages of google/rpc that travel in `grpc-status-details-bin`, read and written by their field numbers. */
type Kind = 'string' | 'int32' | 'bytes' | 'entries' | Codec<object>;
type Fields = Readonly<Record<number, readonly [name: string, kind: Kind]>>;
type Loose = Record<string, unknown>;

interface Codec<T extends object> {
  encode(message: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

/** Repeated messages are arrays; a scalar that is left out stays undefined. Unknown fields are skipped. */
function codec<T extends object>(fields: Fields): Codec<T> {
  return {
    encode: (message) => {
      const writer = new BinaryWriter();
      for (const [number, [name, kind]] of Object.entries(fields)) {
        write(writer, Number(number), kind, (message as Loose)[name]);
      }
      return writer.finish();
    },
    decode: (bytes) => {
      const reader = new BinaryReader(bytes);
      const message: Loose = {};
      while (reader.pos < reader.len) {
        const [number, wireType] = reader.tag();
        const field = fields[number];
        if (field === undefined) reader.skip(wireType, number);
        else read(reader, field[1], message, field[0]);
      }
      return message as T;
    },
  };
}

function write(writer: BinaryWriter, number: number, kind: Kind, value: unknown): void {
  if (value === undefined) return;
  if (kind === 'int32') writer.uint32(number << 3).int32(value as number);
  else if (kind === 'string') writer.uint32((number << 3) | 2).string(value as string);
  else if (kind === 'bytes') writer.uint32((number << 3) | 2).bytes(value as Uint8Array);
  else if (kind === 'entries') {
    for (const [key, text] of Object.entries(value as Record<string, string>)) {
      writer.uint32((number << 3) | 2).bytes(Entry.encode({ key, value: text }));
    }
  } else {
    for (const one of value as object[]) writer.uint32((number << 3) | 2).bytes(kind.encode(one));
  }
}

function read(reader: BinaryReader, kind: Kind, message: Loose, name: string): void {
  if (kind === 'int32') message[name] = reader.int32();
  else if (kind === 'string') message[name] = reader.string();
  else if (kind === 'bytes') message[name] = reader.bytes();
  else if (kind === 'entries') {
    const { key = '', value = '' } = Entry.decode(reader.bytes());
    message[name] = { ...(message[name] as Record<string, string> | undefined), [key]: value };
  } else {
    message[name] = [...((message[name] as object[] | undefined) ?? []), kind.decode(reader.bytes())];
  }
}

const Entry = codec<{ key?: string; value?: string }>({ 1: ['key', 'string'], 2: ['value', 'string'] });

/** google.protobuf.Any: one detail, with the name of its type. */
export const Any = codec<{ typeUrl?: string; value?: Uint8Array }>({
  1: ['typeUrl', 'string'],
  2: ['value', 'bytes'],
});

/** google.rpc.Status: the code, the message, and the details. */
export const Status = codec<{ code?: number; message?: string; details?: { typeUrl?: string; value?: Uint8Array }[] }>({
  1: ['code', 'int32'],
  2: ['message', 'string'],
  3: ['details', Any as Codec<object>],
});

/** google.rpc.ErrorInfo: the reason, whose it is, and what is dynamic in the message. */
export const ErrorInfo = codec<{ reason?: string; domain?: string; metadata?: Record<string, string> }>({
  1: ['reason', 'string'],
  2: ['domain', 'string'],
  3: ['metadata', 'entries'],
});

const Violation = codec<object>({ 1: ['field', 'string'], 2: ['description', 'string'], 3: ['reason', 'string'] });

/** google.rpc.BadRequest: every field that is wrong. */
export const BadRequest = codec<{ fieldViolations?: { field?: string; description?: string; reason?: string }[] }>({
  1: ['fieldViolations', Violation],
});

const Precondition = codec<object>({ 1: ['type', 'string'], 2: ['subject', 'string'], 3: ['description', 'string'] });

/** google.rpc.PreconditionFailure: the states that stand in the way. */
export const PreconditionFailure = codec<{
  violations?: { type?: string; subject?: string; description?: string }[];
}>({ 1: ['violations', Precondition] });

const Quota = codec<object>({ 1: ['subject', 'string'], 2: ['description', 'string'] });

/** google.rpc.QuotaFailure: the limits that are used up. */
export const QuotaFailure = codec<{ violations?: { subject?: string; description?: string }[] }>({
  1: ['violations', Quota],
});

const Duration = codec<object>({ 1: ['seconds', 'int32'], 2: ['nanos', 'int32'] });

/** google.rpc.RetryInfo: how long to wait before the same call may succeed. */
export const RetryInfo = codec<{ retryDelay?: { seconds?: number; nanos?: number }[] }>({
  1: ['retryDelay', Duration],
});

/** google.rpc.ResourceInfo: what was not found. */
export const ResourceInfo = codec<{ resourceType?: string; resourceName?: string; description?: string }>({
  1: ['resourceType', 'string'],
  2: ['resourceName', 'string'],
  4: ['description', 'string'],
});
