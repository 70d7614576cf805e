import type { KeySource, TlsFiles } from '@herald/grpc';
import type { JWK } from 'jose';

/** Who a service is and whom it believes. */
export interface IdentityConfig {
  issuer: string;
  audience: string;
  /** The keys that sign users' tokens. */
  userKeys: KeySource;
  /** The keys that sign services' tokens. */
  serviceKeys: KeySource;
  /** This service's own key. */
  servicePrivateKey: JWK;
}

/** Where a service listens for gRPC, and how. */
export interface GrpcConfig {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  /** Whether the server tells anybody which services it has. */
  reflection: boolean;
  /** Where channelz and health listen in plain text; nobody but operators and probes should reach it. */
  internalAddress?: string;
  tls?: TlsFiles;
  identity: IdentityConfig;
}

/** A service's database. The pools of one process add up to 60 connections at most. */
export interface DatabaseConfig {
  url: string;
  /** Connections for calls of the API. */
  poolMax: number;
  /** Connections for workers. */
  workerPoolMax: number;
}
