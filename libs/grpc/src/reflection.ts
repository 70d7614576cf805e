import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { DESCRIPTORS_BASE64 } from '@herald/contracts/descriptors';

const HEALTH_SERVICE = 'grpc.health.v1.Health';

/** Lets a server tell which services it has, and how their messages are made: its own and the standard health service. */
export function addReflection(server: Server, services: readonly string[]): void {
  // Of a package definition the reflection service reads the files alone. Making one by proto-loader would merge the
  // files of a package, lose the well-known types and spoil maps.
  const contracts = { fileDescriptorProtos: filesOf(Buffer.from(DESCRIPTORS_BASE64, 'base64')) };
  new ReflectionService({ contracts } as unknown as ConstructorParameters<typeof ReflectionService>[0], {
    services: [...services, HEALTH_SERVICE],
  }).addToServer(server);
}

/** The files of a google.protobuf.FileDescriptorSet, whose one field is number 1. */
function filesOf(descriptorSet: Uint8Array): Buffer[] {
  const files: Buffer[] = [];
  const reader = new BinaryReader(descriptorSet);
  while (reader.pos < reader.len) {
    reader.tag();
    files.push(Buffer.from(reader.bytes()));
  }
  return files;
}
